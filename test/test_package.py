"""What the package says of itself, and what a wheel of it contains."""

import re
import shutil
import subprocess
import sys
from email.message import Message
from email.parser import Parser
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest

import depth_ros

REPO = Path(__file__).parent.parent
# Names that differ between pip and rosdep by more than rosdep's prefix.
ROSDEP_KEYS = {"opencv-python-headless": "python3-opencv", "PyYAML": "python3-yaml"}


@pytest.fixture(scope="module")
def manifest() -> ElementTree.Element:
    return ElementTree.parse(REPO / "package.xml").getroot()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """A wheel of the package, built from a copy: a build leaves files beside its sources."""
    pytest.importorskip("setuptools.command.bdist_wheel", reason="setuptools >= 70.1 builds wheels")
    temporary = tmp_path_factory.mktemp("wheel")
    copy = temporary / "depth_ros"
    copy.mkdir()
    for name in ("depth_ros", "launch", "config", "resource"):
        shutil.copytree(REPO / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("package.xml", "setup.py", "setup.cfg", "pyproject.toml", "LICENSE"):
        shutil.copy(REPO / name, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--quiet", "--wheel-dir", temporary, copy], check=True, timeout=200)
    (path,) = temporary.glob("*.whl")
    return ZipFile(path)


def read(wheel: ZipFile, name: str) -> str:
    (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


@pytest.fixture(scope="module")
def metadata(wheel: ZipFile) -> Message:
    return Parser().parsestr(read(wheel, "METADATA"))


def files_in(folder: str) -> set[str]:
    """The files under a folder of the repository, relative to the repository."""
    files = (path for path in (REPO / folder).rglob("*") if path.is_file())
    return {path.relative_to(REPO).as_posix() for path in files if path.suffix != ".pyc"}


@pytest.mark.slow
def test_there_is_one_version(manifest: ElementTree.Element, metadata: Message) -> None:
    newest = re.search(r"^(\S+) \(.*\)\n---", (REPO / "CHANGELOG.rst").read_text(), re.MULTILINE)
    assert newest
    versions = {manifest.findtext("version"), metadata["Version"], newest[1]}
    assert versions == {depth_ros.__version__}


def test_colcon_and_rosdep_can_read_the_manifest(manifest: ElementTree.Element) -> None:
    assert manifest.get("format") == "3"
    assert manifest.findtext("name") == "depth_ros"
    assert manifest.findtext("export/build_type") == "ament_python"
    # An invalid address makes colcon take an ament_python package for a plain one.
    (maintainer,) = manifest.iter("maintainer")
    assert re.fullmatch(r"[\w.-]+@[\w-]+(\.[\w-]+)+", maintainer.get("email", ""))


def test_the_manifest_names_its_page_at_ros(manifest: ElementTree.Element) -> None:
    """The schema of REP 149 puts url between license and what follows."""
    tags = [element.tag for element in manifest]
    assert tags[tags.index("license") + 1] == "url"
    (url,) = manifest.iter("url")
    assert url.attrib == {"type": "website"}
    assert url.text == f"https://docs.ros.org/en/rolling/p/{manifest.findtext('name')}/"


def test_the_manifest_keeps_the_rules_of_rep_149() -> None:
    package = pytest.importorskip("catkin_pkg.package", reason="a part of colcon-ros")
    warnings: list[str] = []
    package.parse_package(REPO / "package.xml", warnings=warnings).validate(warnings=warnings)
    assert not warnings


@pytest.mark.slow
def test_every_dependency_comes_from_rosdep_or_is_named_as_pips(
    manifest: ElementTree.Element, metadata: Message
) -> None:
    keys = {element.text for element in manifest.iter("exec_depend")}
    (pips,) = re.findall("<!--(.*?)-->", (REPO / "package.xml").read_text(), re.DOTALL)
    for requirement in metadata.get_all("Requires-Dist", []):
        name = re.split(r"[^\w.-]", requirement)[0]
        if "extra ==" not in requirement or "onnx" in name:
            key = ROSDEP_KEYS.get(name, f"python3-{name}")
            assert (key in keys) != bool(re.search(rf"\b{name}\b(?!-)", pips)), name


@pytest.mark.slow
def test_the_wheel_has_both_executables(wheel: ZipFile) -> None:
    lines = read(wheel, "entry_points.txt").splitlines()
    assert lines[0] == "[console_scripts]"
    assert {"depth_ros = depth_ros.cli:main", "depth_node = depth_ros.ros.main:main"} <= {*lines}


@pytest.mark.slow
def test_the_wheel_has_every_module_and_the_weights(wheel: ZipFile) -> None:
    assert files_in("depth_ros") <= {*wheel.namelist()}


@pytest.mark.slow
def test_the_wheel_is_a_package_to_ros(wheel: ZipFile) -> None:
    expected = {f"depth_ros/{name}" for name in files_in("launch") | files_in("config")}
    expected |= {"ament_index/resource_index/packages/depth_ros", "depth_ros/package.xml"}
    assert expected <= {path.partition(".data/data/share/")[2] for path in wheel.namelist()}


def test_make_shares_files_and_not_folders_that_are_links(tmp_path: Path) -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    for name in ("launch", "config"):
        shutil.copytree(REPO / name, tmp_path / name)
    for name in ("Makefile", "package.xml", "setup.py", "constraints.txt", "requirements-ros.txt"):
        shutil.copy(REPO / name, tmp_path)
    # Stands for Python: it makes an environment, and installs nothing.
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$2" = venv ] && mkdir -p $3/bin && cp {python} $3/bin/python\nexit 0\n'
    )
    python.chmod(0o755)
    share = tmp_path / ".venv" / "share" / "depth_ros"
    share.mkdir(parents=True)
    (share / "launch").symlink_to("../../../launch")  # as it was once
    command = [make, f"PYTHON={python}", ".venv/.installed"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=240)
    for name in ("launch", "config", "config/nav2", "config/presets"):
        assert not (share / name).is_symlink()
        for file in (REPO / name).glob("*.*"):
            assert (share / name / file.name).read_bytes() == file.read_bytes()
    assert not [path for path in (tmp_path / "launch").iterdir() if path.is_symlink()]
    for name in ("depth_node", "depth_ros"):
        link = tmp_path / ".venv" / "lib" / "depth_ros" / name
        assert link.readlink() == Path("../../bin", name)
