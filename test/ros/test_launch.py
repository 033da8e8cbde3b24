"""The launch file as `ros2 launch` runs it, where launch is installed."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from test.ros.conftest import Peer, Process, compressed, take

pytest.importorskip("rclpy")
pytest.importorskip("launch_ros.actions")

REPO = Path(__file__).parents[2]
DEPTH = "/robot/depth/image"
LAUNCH = f"""\
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

source = PythonLaunchDescriptionSource({str(REPO / "launch" / "depth.launch.py")!r})
arguments = [argument.split(":=") for argument in sys.argv[1:]]
service = LaunchService()
service.include_launch_description(
    LaunchDescription([IncludeLaunchDescription(source, launch_arguments=arguments)])
)
sys.exit(service.run())
"""


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A folder in which launch finds the package of this repository."""
    share, index = tmp_path / "share/depth_ros", "share/ament_index/resource_index/packages"
    for folder in (share, tmp_path / index, tmp_path / "lib/depth_ros"):
        folder.mkdir(parents=True)
    (tmp_path / index / "depth_ros").touch()
    for name in ("config", "launch", "package.xml"):
        (share / name).symlink_to(REPO / name)
    node = tmp_path / "lib/depth_ros/depth_node"
    node.write_text(
        f"#!{sys.executable}\nimport sys\nfrom depth_ros.ros.main import main\nsys.exit(main())\n"
    )
    node.chmod(node.stat().st_mode | stat.S_IXUSR)
    return tmp_path


@pytest.fixture
def launched(peer: Peer, prefix: Path, checkpoint: Path) -> Iterator[Process]:
    arguments = [f"model:={checkpoint}", "device:=cpu", "namespace:=robot"]
    arguments += ["image:=/camera/image_raw/compressed", "log_level:=warn"]
    paths = os.pathsep.join([str(prefix), os.environ.get("AMENT_PREFIX_PATH", "")])
    process = Process(
        [sys.executable, "-c", LAUNCH, *arguments],
        prefix / "launch.log",
        AMENT_PREFIX_PATH=paths,
        PYTHONPATH=os.pathsep.join([str(REPO), os.environ.get("PYTHONPATH", "")]),
    )
    yield process
    process.close()


def test_the_launched_node_answers_and_ends_with_the_launch(peer: Peer, launched: Process) -> None:
    peer.listen(DEPTH)

    def answered() -> bool:
        # Again and again: the first may be lost, or outrun its camera_info.
        peer.publish("/camera/camera_info", take().info())
        peer.publish("/camera/image_raw/compressed", compressed(take()))
        return bool(peer.received[DEPTH])

    peer.wait(answered, "an answer")
    assert launched.stop(signal.SIGINT) == 0
    assert "process has finished cleanly" in launched.output
    assert "Traceback" not in launched.output
