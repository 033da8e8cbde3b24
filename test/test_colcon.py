"""colcon builds the package: executables, launch files and weights are where ROS 2 looks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPO = Path(__file__).parent.parent
# colcon comes from pip, beside this Python, or from the system's packages.
COLCON = shutil.which("colcon", path=Path(sys.executable).parent) or shutil.which("colcon")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's install prefix after `colcon build`; nothing is written to the repository."""
    if COLCON is None:
        pytest.skip("colcon is not installed")
    base = tmp_path_factory.mktemp("colcon")
    command = [COLCON, "--log-base=log", "build", "--build-base=build", "--install-base=install"]
    subprocess.run([*command, "--paths", REPO], check=True, timeout=200, cwd=base)
    return base / "install" / "depth_ros"


@pytest.mark.parametrize("name", ["depth_node", "depth_ros"])
def test_the_executables_are_where_ros2_run_looks(installed: Path, name: str) -> None:
    assert os.access(installed / "lib" / "depth_ros" / name, os.X_OK)


def test_ros_finds_the_package(installed: Path) -> None:
    share = installed / "share"
    # Written for an ament_python package, not for the plain Python package colcon may see instead.
    assert (share / "depth_ros/hook/ament_prefix_path.sh").is_file()
    assert (share / "ament_index/resource_index/packages/depth_ros").is_file()
    assert (share / "depth_ros/package.xml").is_file()


@pytest.mark.parametrize("folder", ["launch", "config", "config/nav2", "config/presets"])
def test_launch_and_config_are_shared(installed: Path, folder: str) -> None:
    ours = {path.name for path in (REPO / folder).glob("*.*")}
    assert ours
    assert ours <= {path.name for path in (installed / "share" / "depth_ros" / folder).iterdir()}


def test_the_weights_travel_along(installed: Path) -> None:
    weights = REPO / "depth_ros" / "models" / "weights"
    ours = {path.relative_to(weights) for path in weights.rglob("*") if path.is_file()}
    (theirs,) = installed.glob("**/depth_ros/models")
    assert ours == {
        path.relative_to(theirs / "weights")
        for path in (theirs / "weights").rglob("*")
        if path.is_file()
    }
