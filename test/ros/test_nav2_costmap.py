"""The shipped costmap file in Nav2's own costmap node, and the NumPy costmap beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from depth_ros.bag.types import TYPESTORE
from depth_ros.bag.writer import static_transform
from depth_ros.navigation.costmap import Costmap
from depth_ros.navigation.costmap_parameters import SHIPPED, CostmapParameters
from depth_ros.navigation.costs import LETHAL_OBSTACLE

pytest.importorskip("rclpy")

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import OccupancyGrid
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.clock import Clock, ClockType
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from depth_ros.ros.message_class import message_class
from depth_ros.ros.tf_message import KIND
from test.ros.conftest import Peer, Process

pytestmark = pytest.mark.nav2

Floats = npt.NDArray[np.float64]
FILE = Path(__file__).parents[2] / SHIPPED
NODE = "/local_costmap/local_costmap"
LAYERS = ("voxel_layer", "obstacle_layer")
CAMERA_M = (0.1, 0.0, 0.5)
LETHAL = 100  # of an OccupancyGrid
Cell = tuple[int, int]


class Pose(NamedTuple):
    """Where the robot is: x, y [m] and yaw [rad]."""

    x: float
    y: float
    yaw: float

    def odom_from_base(self) -> Floats:
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[c, -s, 0, self.x], [s, c, 0, self.y], [0, 0, 1, 0], [0, 0, 0, 1]])


class Nav2:
    """Nav2's costmap node, with a robot whose camera looks ahead and whose TF is always fresh."""

    def __init__(self, peer: Peer, process: Process) -> None:
        self.peer, self.process, self.pose = peer, process, Pose(0.0, 0.0, 0.0)
        self.maps: list[Any] = []
        self._tf = peer.ros.create_publisher(message_class(KIND), "/tf", 10)
        self._cloud = peer.ros.create_publisher(PointCloud2, "/points/nav", 10)
        last = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        listen = peer.ros.create_subscription
        listen(OccupancyGrid, "/local_costmap/costmap", self.maps.append, last)
        peer.ros.create_timer(0.05, self._publish_tf, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def start(self) -> None:
        for number in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            request = ChangeState.Request(transition=Transition(id=number))
            response = self.peer.call(ChangeState, f"{NODE}/change_state", request)
            assert response.success, self.process.output

    def parameters(self, names: list[str]) -> dict[str, Any]:
        """Return the values of declared parameters."""
        request = GetParameters.Request(names=names)
        values = self.peer.call(GetParameters, f"{NODE}/get_parameters", request).values
        return dict(zip(names, map(parameter_value_to_python, values), strict=True))

    def declared(self) -> set[str]:
        """Return the names of all parameters."""
        response = self.peer.call(
            ListParameters, f"{NODE}/list_parameters", ListParameters.Request()
        )
        return {*response.result.names}

    def look(self, points_m: Floats, pose: Pose) -> None:
        """Publish points (N, 3) in odom, seen from a pose."""
        self.pose = pose
        self._publish_tf()  # before the cloud's stamp: no pose between two is looked up
        self.peer.wait(lambda: self._cloud.get_subscription_count() >= 2, "mark and clear")
        base_m = (points_m - (pose.x, pose.y, 0)) @ pose.odom_from_base()[:3, :3]
        self._cloud.publish(cloud(base_m - CAMERA_M, time.time_ns()))

    def show(self, expected: set[Cell]) -> None:
        """Wait for a map whose lethal cells are the expected ones.

        Nav2 transforms a cloud in float32: a point on the edge of two cells may be in the other.
        """
        most = 0.02 * len(expected)
        self.peer.wait(
            lambda: self.maps and len(cells(self.maps[-1]) ^ expected) <= most,
            f"a map with {len(expected)} lethal cells",
        )

    def _publish_tf(self) -> None:
        camera = np.eye(4)
        camera[:3, 3] = CAMERA_M
        now_ns = time.time_ns()
        for parent, child, transform in (
            ("odom", "base_link", self.pose.odom_from_base()),
            ("base_link", "camera", camera),
        ):
            message = static_transform(parent, child, transform, now_ns)
            self._tf.publish(bytes(TYPESTORE.serialize_cdr(message, KIND)))


def cloud(points_m: Floats, stamp_ns: int) -> PointCloud2:
    header = Header(frame_id="camera")
    header.stamp.sec, header.stamp.nanosec = divmod(stamp_ns, 10**9)
    fields = [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, name in enumerate("xyz")
    ]
    data, count = points_m.astype(np.float32).tobytes(), len(points_m)
    shape = {"height": 1, "width": count, "point_step": 12, "row_step": 12 * count}
    return PointCloud2(header=header, fields=fields, data=data, is_dense=True, **shape)


def cells(grid: Any) -> set[Cell]:
    """Return the lethal cells of a map, counted from the origin of odom."""
    costs = np.array(grid.data).reshape(grid.info.height, grid.info.width)
    origin = grid.info.origin.position
    return lethal(costs == LETHAL, np.array([origin.x, origin.y]), grid.info.resolution)


def lethal(mask: npt.NDArray[np.bool_], origin_m: Floats, side_m: float) -> set[Cell]:
    y, x = mask.nonzero()
    first = np.round(origin_m / side_m).astype(int)
    return set(map(tuple, (np.stack([x, y], axis=1) + first).tolist()))


@pytest.fixture
def nav2(peer: Peer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Nav2]:
    try:
        prefix = Path(get_package_prefix("nav2_costmap_2d"))
    except (PackageNotFoundError, OSError):  # OSError: there is no ROS environment
        pytest.skip("nav2_costmap_2d is not installed")
    if message_class(KIND) is None:
        pytest.skip("tf2_msgs is not installed")
    # As launch/nav2.launch.py starts it.
    command = [str(prefix / "lib/nav2_costmap_2d/nav2_costmap_2d"), "--ros-args"]
    command += ["--params-file", str(FILE)]
    command += ["-r", "__ns:=/local_costmap", "-r", "__node:=local_costmap"]
    command += ["-p", "always_send_full_costmap:=true"]
    command += ["-p", f"plugins:=[{request.param}, inflation_layer]"]
    process = Process(command, tmp_path / "costmap.log")
    found = Nav2(peer, process)
    try:
        found.start()
        yield found
    finally:
        process.close()


@pytest.mark.parametrize("nav2", LAYERS, indirect=True)
def test_the_node_takes_every_parameter_of_the_shipped_file(
    nav2: Nav2, request: pytest.FixtureRequest
) -> None:
    layer = request.node.callspec.params["nav2"]
    values = yaml.safe_load(FILE.read_text())
    said = values["local_costmap"]["local_costmap"]["ros__parameters"]
    (other,) = {*LAYERS} - {layer}
    expected = flat({name: value for name, value in said.items() if name not in (other, "plugins")})
    ignored = {*expected} - nav2.declared()
    assert not ignored
    assert nav2.parameters(list(expected)) == expected


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested parameters by their names with dots."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= (
            flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
        )
    return found


def upright(x_m: float, y_m: tuple[float, float], z_m: tuple[float, float]) -> Floats:
    """Points 2.5 cm apart, away from the edges of cells, on an upright plane."""
    y, z = np.meshgrid(np.arange(*y_m, 0.025), np.arange(*z_m, 0.025))
    points: Floats = np.stack([np.full(y.size, x_m), y.ravel(), z.ravel()], axis=1)
    return points + 0.003


def room(gone: bool) -> Floats:
    """Points of a wall and the floor, of low steps, and of what is gone later."""
    wall = upright(1.81, (-1.0, 1.0), (0.0, 0.8))
    floor = upright(0.0, (-1.0, 1.0), (0.6, 1.8))[:, [2, 1, 0]]
    # Of two and of three voxels above min_obstacle_height.
    steps = upright(1.3, (-0.6, -0.4), (0.1, 0.2)), upright(1.3, (-0.9, -0.7), (0.1, 0.25))
    # Rays end two cells before their points: what hung on the wall stays.
    post, picture = upright(1.1, (-0.1, 0.1), (0.0, 0.8)), upright(1.77, (0.4, 0.6), (0.3, 0.6))
    return np.concatenate([wall, floor, *steps] + ([] if gone else [post, picture]))


@pytest.mark.parametrize("nav2", LAYERS, indirect=True)
def test_the_costmap_in_numpy_marks_and_clears_the_same_cells(
    nav2: Nav2, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    layer = request.node.callspec.params["nav2"]
    values = yaml.safe_load(FILE.read_text())
    said = values["local_costmap"]["local_costmap"]["ros__parameters"]
    said["plugins"] = [layer, "inflation_layer"]
    (path := tmp_path / "costmap.yaml").write_text(yaml.safe_dump(values))
    ours = Costmap(CostmapParameters.read(path))
    steps = [
        (room(gone=False), Pose(0.0, 0.0, 0.0)),
        (room(gone=True), Pose(0.31, 0.02, 0.1)),
        (room(gone=True), Pose(0.62, -0.03, -0.1)),
    ]
    counts = []
    for points_m, pose in steps:
        camera_m = (pose.odom_from_base() @ (*CAMERA_M, 1))[:3]
        ours.update(points_m, camera_m, pose)
        mine = lethal(ours.costs == LETHAL_OBSTACLE, ours.window.origin_m, ours.window.resolution)
        nav2.look(points_m, pose)
        nav2.show(mine)
        counts.append(len(mine))
    assert counts[0] > counts[1] > 30, "the post was marked, and cleared when it was gone"
