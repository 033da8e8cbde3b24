"""The pages of docs/ against the code, and each other."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from depth_ros import cli, models
from depth_ros.cli import exit_codes
from depth_ros.config import SPECS
from depth_ros.outputs.topics import TOPICS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SETUP = (ROOT / "setup.py").read_text()
# What a reader meets outside of the site, too.
READ_AS_THEY_ARE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site: a warning, such as a link to nothing, fails."""
    pytest.importorskip("sphinx", reason="the extra 'docs' is not installed")
    out = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(DOCS), str(out)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert run.returncode == 0, run.stderr
    return out


def page(name: str) -> str:
    return (DOCS / name).read_text()


@pytest.mark.slow
def test_the_reference_has_every_parameter_model_command_and_public_name(site: Path) -> None:
    def text(name: str) -> str:
        return re.sub("<[^>]*>", "", (site / "reference" / f"{name}.html").read_text())

    assert all(name in text("parameters") for name in SPECS)
    assert all(name in text("models") for name in models.MODELS)
    assert all(f"usage: depth_ros {cli.name(verb)}" in text("commands") for verb in cli.VERBS)
    import depth_ros

    shown = (site / "reference" / "python.html").read_text()
    for name in {*depth_ros.__all__} - {"__version__", "DepthError"}:
        assert f'id="depth_ros.{name}"' in shown
    assert 'id="depth_ros.errors.DepthError"' in shown


def launch_arguments() -> list[str]:
    tree = ast.parse((ROOT / "launch" / "depth.launch.py").read_text())
    (table,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ARGUMENTS"
    ]
    assert isinstance(table, ast.Dict)
    return [ast.literal_eval(key) for key in table.keys if key]


@pytest.mark.parametrize("name", launch_arguments())
def test_every_launch_argument_is_described(name: str) -> None:
    rows = [line for line in page("reference/launch.md").splitlines() if line.startswith("|")]
    assert any(f"`{name}`" in row.split("|")[1] for row in rows)


def test_every_published_topic_is_described() -> None:
    for name, topic in TOPICS.items():
        assert f"| `{name}` | {topic.kind.replace('/msg/', '/')}" in page("reference/topics.md")


def test_every_requirement_has_its_purpose() -> None:
    names = re.findall(r'^\s+"([A-Za-z][\w-]+)(?:>=[^"]*)?",$', SETUP, re.M)
    assert {"numpy", "torch", "hypothesis"} <= set(names)
    described = page("architecture.md").lower()
    for name in set(names) - {"setuptools"}:
        assert name.lower() in described, f"{name} is not in the table of dependencies"


def test_the_exit_codes_are_the_documented_ones() -> None:
    assert exit_codes.__doc__ is not None
    assert exit_codes.__doc__.rstrip(".") in " ".join(page("recordings.md").split())


def anchors(path: Path) -> set[str]:
    """Return what a link into a page may end in: its headings', and labels'."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)
    slugs = {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.M)
    }
    return slugs | set(re.findall(r"^\(([\w-]+)\)=$", text, re.M))


@pytest.mark.parametrize("source", READ_AS_THEY_ARE, ids=lambda path: path.name)
def test_every_link_and_picture_leads_to_a_file_and_a_heading(source: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", source.read_text()):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = source.parent / file if file else source
        assert target.exists(), f"{source.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{source.name}: {link}"


def test_files_and_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for source in READ_AS_THEY_ARE:
        text = source.read_text()
        for target in re.findall(r"`make (\w+)`", text):
            assert re.search(rf"^{target}:", makefile, re.M), f"{source.name}: make {target}"
        for name in re.findall(r"`((?:config|examples|test|depth_ros|docker)/[\w./]+)`", text):
            assert (ROOT / name).exists(), f"{source.name}: {name}"
