"""The shipped RTAB-Map file in RTAB-Map's own nodes, on colour and true depth of a drive."""

from __future__ import annotations

import itertools
import time
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from depth_ros.bag.types import TYPESTORE
from depth_ros.bag.writer import static_transform
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Drive, Pose, Robot, random_drive

pytest.importorskip("rclpy")

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as Route
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image

from depth_ros.ros.message_class import message_class
from depth_ros.ros.tf_message import KIND
from test.ros.conftest import Peer, Process, Shot, stamp_of

pytestmark = pytest.mark.rtabmap

Floats = npt.NDArray[np.float64]
Metres = npt.NDArray[np.float32]
FILE = Path(__file__).parents[2] / "config" / "rtabmap.yaml"
# As launch/rtabmap.launch.py starts them.
NODES = (
    ("rtabmap_sync", "rgbd_sync"),
    ("rtabmap_odom", "rgbd_odometry"),
    ("rtabmap_slam", "rtabmap"),
)
TOPICS = {"rgb/image": "image", "rgb/camera_info": "camera_info", "depth/image": "depth/image"}
STEPS, STEP_NS = 24, 100_000_000
MOST_ERROR = 0.1  # of the path's length


class Rtabmap:
    """RTAB-Map's nodes, and what they publish about a camera that a robot carries."""

    def __init__(self, peer: Peer, processes: list[Process]) -> None:
        self.peer, self.processes = peer, processes
        self.odometry: list[Any] = []
        self.maps: list[Any] = []
        peer.ros.create_subscription(Odometry, "odom", self.odometry.append, 100)
        peer.ros.create_subscription(Route, "mapPath", self.maps.append, 100)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._tf = peer.ros.create_publisher(message_class(KIND), "/tf_static", latched)

    def mount(self, base_from_optical: Floats, frame_id: str) -> None:
        """Publish where the camera is on the robot."""
        message = static_transform("base_link", frame_id, base_from_optical, time.time_ns())
        self._tf.publish(bytes(TYPESTORE.serialize_cdr(message, KIND)))

    def stand(self, shot: Shot, depth_m: Metres) -> int:
        """Publish a frame again and again, until the nodes have found each other.

        Returns:
            the stamp of the last time [ns].
        """
        stamps_ns = itertools.count(shot.stamp_ns, STEP_NS)
        stamp_ns, next_s = shot.stamp_ns, 0.0

        def answered() -> bool:
            nonlocal stamp_ns, next_s
            if time.monotonic() > next_s:
                stamp_ns, next_s = next(stamps_ns), time.monotonic() + 1.0
                self._publish(replace(shot, stamp_ns=stamp_ns), depth_m)
            return bool(self.odometry)

        self.peer.wait(answered, f"the first odometry: {self.said()}")
        return stamp_ns

    def see(self, shot: Shot, depth_m: Metres) -> None:
        """Publish a frame, and wait for its odometry."""
        self._publish(shot, depth_m)
        self.peer.wait(
            lambda: stamp_of(self.odometry[-1]) == shot.stamp_ns, f"odometry: {self.said()}"
        )

    def _publish(self, shot: Shot, depth_m: Metres) -> None:
        self.peer.publish("camera_info", shot.info())
        self.peer.publish("image", shot.image())
        self.peer.publish("depth/image", depth_image(shot, depth_m))

    def said(self) -> str:
        return "\n".join(process.output for process in self.processes)


def depth_image(shot: Shot, depth_m: Metres) -> Image:
    height, width = depth_m.shape
    return Image(
        header=shot.header(),
        height=height,
        width=width,
        encoding="32FC1",
        step=4 * width,
        data=array("B", depth_m.tobytes()),
    )


@pytest.fixture
def rtabmap(peer: Peer, tmp_path: Path) -> Iterator[Rtabmap]:
    try:
        prefixes = [Path(get_package_prefix(package)) for package, _ in NODES]
    except (PackageNotFoundError, OSError):  # OSError: there is no ROS environment
        pytest.skip("rtabmap_sync, rtabmap_odom or rtabmap_slam is not installed")
    if message_class(KIND) is None:
        pytest.skip("tf2_msgs is not installed")
    processes = []
    for prefix, (package, name) in zip(prefixes, NODES, strict=True):
        command = [str(prefix / "lib" / package / name), "--ros-args", "--params-file", str(FILE)]
        command += ["-r", f"__node:={name}", "-p", f"database_path:={tmp_path / 'map.db'}"]
        command += [text for pair in TOPICS.items() for text in ("-r", ":=".join(pair))]
        processes.append(Process(command, tmp_path / f"{name}.log"))
    try:
        yield Rtabmap(peer, processes)
    finally:
        for process in processes:
            process.close()


def base_m(pose: Pose) -> Floats:
    """Return where the robot is in the world."""
    world_from_base: Floats = pose.world_from_optical() @ np.linalg.inv(pose.body_from_optical())
    return world_from_base[:3, 3]


def length_m(places_m: list[Floats]) -> float:
    return float(np.linalg.norm(np.diff(places_m, axis=0), axis=1).sum())


def test_odometry_measures_the_path_of_a_drive_and_a_map_is_made(rtabmap: Rtabmap) -> None:
    """Depth is true here: what is tested is what the shipped files make of it."""
    drive = random_drive(np.random.default_rng(5), Robot(), 640, 480, STEPS)
    frame_id, stamp_ns = "camera_optical_frame", time.time_ns()
    rtabmap.mount(drive.poses[0].body_from_optical(), frame_id)
    for step, pose in enumerate(drive.poses):
        rendered = render_drive(Drive(drive.scene, drive.camera, [pose]), seed=step)
        rgb, depth_m = rendered.rgb[0].numpy(), rendered.depth_m[0].numpy()
        shot = Shot(rgb, drive.camera, stamp_ns, frame_id)
        if step:
            rtabmap.see(shot, depth_m)
        else:
            stamp_ns = rtabmap.stand(shot, depth_m)
        stamp_ns += STEP_NS
    positions = [message.pose.pose.position for message in rtabmap.odometry]
    measured_m = length_m([np.array([each.x, each.y, each.z]) for each in positions])
    driven_m = length_m([base_m(pose) for pose in drive.poses])
    assert driven_m > 0.5
    assert measured_m == pytest.approx(driven_m, rel=MOST_ERROR), rtabmap.said()
    rtabmap.peer.wait(lambda: any(each.poses for each in rtabmap.maps), "a map with a node")
