"""The node on relative models: honest about what they are, and metric by ground or anchors."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar
from unittest.mock import MagicMock

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("rclpy")

import torch
from geometry_msgs.msg import TransformStamped
from rcl_interfaces.srv import SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CompressedImage, Image, LaserScan, PointCloud2, PointField
from std_msgs.msg import Header

from depth_ros.bag.types import TYPESTORE
from depth_ros.bag.writer import static_transform
from depth_ros.config import Settings
from depth_ros.ros import tf_message
from depth_ros.ros.extrinsics import Tf
from depth_ros.ros.message_class import message_class
from depth_ros.scale.anchors import OPTICAL_FROM_BODY, pose_matrix, transform
from depth_ros.scale.ground import Mount
from test.messages.depth_files import packed
from test.ros.conftest import CAMERA, LOG, Bench, Shot, parameter, take

HEIGHT_M, PITCH_DEG, WALL_M = 0.8, 15.0, 4.0
MOUNT = Mount.from_angles(HEIGHT_M, PITCH_DEG, 0.0)
GROUND: dict[str, Any] = {
    "scale_mode": "ground",
    "extrinsics": "parameters",
    "camera_height_m": HEIGHT_M,
    "camera_pitch_deg": PITCH_DEG,
}
ANCHORS: dict[str, Any] = {"scale_mode": "anchors", "extrinsics": "parameters"}
# 30 cm below the camera and 10 cm ahead, level although the camera looks down.
LIDAR_POSE = (0.1, 0.02, -0.3, 0.0, -np.radians(PITCH_DEG), 0.0)

Floats = npt.NDArray[np.float64]


def floor_and_wall() -> Floats:
    """The z-depth (H, W) of a floor below the camera and a wall ahead."""
    rays = np.dstack([CAMERA.rays().astype(np.float64), np.ones((CAMERA.height, CAMERA.width))])
    _, down, ahead = MOUNT.down
    with np.errstate(divide="ignore"):
        floor_m = HEIGHT_M / (rays @ np.array(MOUNT.down))
    wall_m = WALL_M / (rays @ np.array([0.0, -ahead, down]))
    return np.asarray(np.where((floor_m > 0) & (floor_m < wall_m), floor_m, wall_m))


TRUTH_M = floor_and_wall()
RELATIVE = torch.from_numpy((1 / TRUTH_M - 0.1) / 3.0).float()[None]


@pytest.fixture(scope="session")
def metric(built: Callable[[str], Path]) -> str:
    return str(built("depth-anything-metric"))


def metres(answer: Any) -> Floats:
    return np.frombuffer(answer.data, "<f4").reshape(answer.height, answer.width).astype(float)


def assert_true(depth_m: Floats, tolerance: float = 0.02) -> None:
    assert np.isfinite(depth_m).mean() > 0.95
    assert np.nanmean(np.abs(depth_m - TRUTH_M) / TRUTH_M) < tolerance


def scale_of(status: Any) -> dict[str, str]:
    return {item.key: item.value for item in status.values if item.key.startswith("scale")}


# --- mode model


def test_a_relative_model_publishes_its_values_as_relative_and_no_depth(
    bench: Bench, relative: str
) -> None:
    bench.gate.instead = RELATIVE
    node = bench.start("depth/relative", model=relative)
    answer = bench.ask(take())["depth/relative"]
    assert answer.encoding == "32FC1"
    np.testing.assert_allclose(metres(answer), RELATIVE[0].numpy(), atol=1e-6)
    names = {publisher.topic_name for publisher in node.publishers}
    assert "/depth/relative" in names
    assert names.isdisjoint({"/depth/image", "/points", "/depth/color"})


def test_a_relative_model_says_once_and_clearly_that_it_has_no_metres(
    bench: Bench, relative: str
) -> None:
    bench.peer.listen(LOG)
    bench.start("depth/relative", model=relative)
    text = bench.warning("affine_inverse_depth", "not metres", "scale.mode:=ground")
    bench.ask(take(0))
    bench.ask(take(1))
    assert [log.msg for log in bench.peer.received[LOG]].count(text) == 1


def test_a_metric_model_offers_no_relative_values(bench: Bench, metric: str) -> None:
    node = bench.start("depth/image", model=metric)
    assert "/depth/relative" not in {publisher.topic_name for publisher in node.publishers}


def test_a_licence_that_forbids_commerce_is_warned_of(bench: Bench, metric: str) -> None:
    bench.peer.listen(LOG)
    bench.start("depth/image", model=metric)
    assert metric in bench.warning("NO commercial use", "unknown")


def test_relative_values_come_with_their_camera(bench: Bench, relative: str) -> None:
    bench.gate.instead = torch.rand(1, *TRUTH_M.shape, generator=torch.manual_seed(0))
    bench.start("depth/relative", "depth/camera_info", "depth/image", model=relative, **GROUND)
    shot = take()
    bench.show(shot)
    both = {"depth/relative", "depth/camera_info"}
    bench.peer.wait(lambda: bench.peer.answers(shot.stamp_ns).keys() >= both)
    bench.peer.wait(lambda: bench.total("dropped"))
    bench.gate.instead = RELATIVE
    answers = bench.ask(take(1))
    assert len(bench.peer.received["depth/camera_info"]) == 2
    assert answers.keys() == both | {"depth/image"}


# --- mode ground


def test_the_ground_makes_a_relative_model_metric(bench: Bench, relative: str) -> None:
    bench.gate.instead = RELATIVE
    bench.start("depth/image", "depth/relative", model=relative, **GROUND)
    answers = bench.ask(take())
    assert_true(metres(answers["depth/image"]))
    np.testing.assert_allclose(metres(answers["depth/relative"]), RELATIVE[0].numpy(), atol=1e-6)


def test_the_scale_its_deviation_and_age_are_reported(bench: Bench, relative: str) -> None:
    bench.gate.instead = RELATIVE
    bench.start("depth/image", "/diagnostics", model=relative, **GROUND)
    bench.ask(take())
    values = scale_of(bench.report(lambda status: "scale" in scale_of(status)))
    assert values["scale mode"] == "ground"
    assert float(values["scale"]) == pytest.approx(3.0, rel=0.03)
    assert float(values["scale shift"]) == pytest.approx(0.1, abs=0.02)
    assert float(values["scale deviation [%]"]) > 0
    assert float(values["scale age [s]"]) == 0


def test_where_no_ground_is_convincing_the_last_scale_stays_and_ages(
    bench: Bench, relative: str
) -> None:
    bench.gate.instead = RELATIVE
    bench.start("depth/image", "/diagnostics", model=relative, **GROUND)
    bench.ask(take(0))
    bench.gate.instead = torch.rand(1, *TRUTH_M.shape, generator=torch.manual_seed(0))
    bench.ask(take(3))
    values = scale_of(bench.report(lambda s: scale_of(s).get("scale age [s]") == "0.30"))
    assert values["scale not measured, because"]
    assert float(values["scale"]) == pytest.approx(3.0, rel=0.03)


def test_before_any_ground_was_seen_frames_are_dropped_with_the_reason(
    bench: Bench, relative: str
) -> None:
    bench.peer.listen(LOG)
    bench.gate.instead = torch.rand(1, *TRUTH_M.shape, generator=torch.manual_seed(0))
    bench.start("depth/image", model=relative, **GROUND)
    bench.show(take(0))
    bench.warning("ScaleError", "no scale yet")
    bench.gate.instead = RELATIVE
    assert_true(metres(bench.ask(take(1))["depth/image"]))
    assert not bench.node.health.model_failed


def test_an_image_without_a_stamp_gives_no_scale(bench: Bench, relative: str) -> None:
    bench.peer.listen(LOG)
    bench.gate.instead = RELATIVE
    bench.start("depth/image", model=relative, **GROUND)
    bench.show(replace(take(0), stamp_ns=0))
    bench.warning("stamp is 0")


def test_a_scale_that_is_too_old_is_not_used(bench: Bench, relative: str) -> None:
    bench.peer.listen(LOG)
    bench.gate.instead = RELATIVE
    bench.start("depth/image", model=relative, scale_max_age_s=0.5, **GROUND)
    bench.ask(take(0))
    bench.gate.instead = torch.rand(1, *TRUTH_M.shape, generator=torch.manual_seed(0))
    bench.show(take(6))
    bench.warning("the last scale is 0.6 s old")


LIVE_ABOVE_GROUND: dict[str, Any] = {
    "camera_height_m": 2 * HEIGHT_M,
    "camera_pitch_deg": PITCH_DEG + 2,
    "camera_roll_deg": 10.0,
    "scale_filter": False,
    "scale_max_age_s": 0.05,
}


@pytest.mark.parametrize("name", LIVE_ABOVE_GROUND)
def test_a_live_setting_of_the_ground_counts_from_the_next_frame(
    bench: Bench, relative: str, name: str
) -> None:
    bench.peer.listen(LOG)
    bench.gate.instead = RELATIVE
    smooth = name == "scale_filter"
    bench.start("depth/image", model=relative, scale_filter=smooth, **GROUND)
    assert_true(metres(bench.ask(take(0))["depth/image"]))
    bench.gate.instead = 0.9 * RELATIVE
    set_live(bench, name, LIVE_ABOVE_GROUND[name])
    if name == "scale_max_age_s":
        bench.gate.instead = torch.rand(1, *TRUTH_M.shape, generator=torch.manual_seed(0))
        bench.show(take(1))
        bench.warning("the last scale is 0.1 s old, expected 0.05 s")
    elif name == "scale_filter":
        assert_true(metres(bench.ask(take(1))["depth/image"]))
    else:
        after_m = metres(bench.ask(take(1))["depth/image"])
        assert np.nanmean(np.abs(after_m - TRUTH_M) / TRUTH_M) > 0.04


def set_live(bench: Bench, name: str, value: Any) -> None:
    """Set a parameter as another process would."""
    request = SetParameters.Request(parameters=[parameter(name, value).to_parameter_msg()])
    service = f"{bench.node.get_fully_qualified_name()}/set_parameters"
    assert bench.peer.call(SetParameters, service, request).results[0].successful


# --- mode anchors


LIVE_AMONG_ANCHORS: dict[str, Any] = {"anchors_pose": (0.0,) * 6, "anchors_max_age_s": 0.01}


@pytest.mark.parametrize("name", LIVE_AMONG_ANCHORS)
def test_a_live_setting_of_anchors_counts_from_the_next_frame(
    bench: Bench, relative: str, name: str
) -> None:
    bench.peer.listen(LOG)
    bench.gate.instead = RELATIVE
    settings: dict[str, Any] = {"anchors_pose": LIDAR_POSE, "scale_filter": False, **ANCHORS}
    bench.start("depth/image", model=relative, **settings)
    late = take(0)
    late = replace(late, stamp_ns=late.stamp_ns - 50_000_000)
    assert_true(ask_with(bench, cloud(lidar_points(), late), take(0)))
    set_live(bench, name, LIVE_AMONG_ANCHORS[name])
    late = replace(late, stamp_ns=take(1).stamp_ns - 50_000_000)
    depth_m = ask_with(bench, cloud(lidar_points(), late), take(1))
    if name == "anchors_max_age_s":
        bench.warning("the nearest anchors are 0.05 s from the image")
    else:
        assert np.nanmean(np.abs(depth_m - TRUTH_M) / TRUTH_M) > 0.04


def test_the_field_of_anchors_counts_from_the_next_frame(bench: Bench, relative: str) -> None:
    bench.gate.instead = RELATIVE * torch.linspace(0.8, 1.25, TRUTH_M.shape[1])
    settings: dict[str, Any] = {"anchors_pose": LIDAR_POSE, "scale_filter": False, **ANCHORS}
    bench.start("depth/image", model=relative, **settings)

    def error(number: int) -> float:
        depth_m = ask_with(bench, cloud(lidar_points(), take(number)), take(number))
        return float(np.nanmean(np.abs(depth_m - TRUTH_M) / TRUTH_M))

    varied = error(0)
    set_live(bench, "anchors_field", False)
    assert varied < 0.5 * error(1)


def lidar_points(count: int = 200) -> Floats:
    """Points of the floor and the wall, in the frame of a lidar at LIDAR_POSE."""
    rng = np.random.default_rng(0)
    v, u = rng.integers(0, CAMERA.height, count), rng.integers(0, CAMERA.width, count)
    z = TRUTH_M[v, u]
    optical = np.column_stack([CAMERA.rays()[v, u] * z[:, None], z])
    pose = np.linalg.inv(OPTICAL_FROM_BODY @ pose_matrix(*LIDAR_POSE))
    return np.asarray(optical @ pose[:3, :3].T + pose[:3, 3])


def cloud(points: Floats, shot: Shot) -> PointCloud2:
    fields = [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, name in enumerate("xyz")
    ]
    header = shot.header()
    header.frame_id = "lidar"
    return PointCloud2(
        header=header,
        height=1,
        width=len(points),
        fields=fields,
        point_step=12,
        row_step=12 * len(points),
        is_dense=True,
        data=array("B", points.astype("<f4").tobytes()),
    )


def scan(shot: Shot) -> LaserScan:
    """What a level planar lidar at LIDAR_POSE measures of the wall."""
    angles = np.linspace(-0.4, 0.4, 64)
    # The lidar is 10 cm further along the camera's axis, which looks down.
    x, _, z, *_ = LIDAR_POSE
    pitch = np.radians(PITCH_DEG)
    ahead_m = WALL_M - (x * np.cos(pitch) + z * np.sin(pitch))
    header = shot.header()
    header.frame_id = "laser"
    return LaserScan(
        header=header,
        angle_min=float(angles[0]),
        angle_max=float(angles[-1]),
        angle_increment=float(angles[1] - angles[0]),
        range_min=0.1,
        range_max=10.0,
        ranges=[*(ahead_m / np.cos(angles[:-1])).tolist(), float("inf")],
    )


def ask_with(bench: Bench, anchors: Any, shot: Shot, topic: str = "anchors") -> Floats:
    """Publish anchors, then ask for depth once the node has them."""
    bench.deliver(topic, anchors, "anchors")
    return metres(bench.ask(shot)["depth/image"])


def test_points_of_a_lidar_make_a_relative_model_metric(bench: Bench, relative: str) -> None:
    bench.gate.instead = RELATIVE
    bench.start("depth/image", model=relative, anchors_pose=LIDAR_POSE, **ANCHORS)
    assert_true(ask_with(bench, cloud(lidar_points(), take(0)), take(0)))


def test_a_planar_lidar_corrects_a_metric_model(bench: Bench, metric: str) -> None:
    bench.gate.instead = torch.from_numpy(0.6 * TRUTH_M).float()[None]
    pose: dict[str, Any] = {"anchors_pose": LIDAR_POSE, "anchors_type": "scan"}
    bench.start("depth/image", model=metric, **pose, **ANCHORS)
    assert_true(ask_with(bench, scan(take(0)), take(0)))


@pytest.mark.parametrize("topic", ["anchors", "anchors/compressedDepth"])
def test_a_low_resolution_depth_image_makes_a_relative_model_metric(
    bench: Bench, relative: str, topic: str
) -> None:
    bench.gate.instead = RELATIVE
    remap = ("-r", f"anchors:={topic}")
    bench.start("depth/image", arguments=remap, model=relative, anchors_type="depth", **ANCHORS)
    small = CAMERA.scale(20, 15)
    depth_m = TRUTH_M.reshape(15, 4, 20, 4).mean((1, 3)).astype("<f4")
    shot = Shot(np.zeros((15, 20, 3), np.uint8), small, take(0).stamp_ns, "tof")
    bench.deliver("anchors/camera_info", shot.info(), "anchors/camera_info")
    image: Any = Image(
        header=shot.header(),
        height=15,
        width=20,
        encoding="32FC1",
        step=80,
        data=array("B", depth_m.tobytes()),
    )
    if topic != "anchors":
        said = packed((depth_m * 1000).astype(np.uint16), "16UC1", "png")
        image = CompressedImage(header=shot.header(), format=said.format, data=said.data)
    assert_true(ask_with(bench, image, take(0), topic), 0.04)


def test_anchors_of_another_time_are_not_used(bench: Bench, relative: str) -> None:
    bench.peer.listen(LOG)
    bench.gate.instead = RELATIVE
    bench.start("depth/image", model=relative, anchors_pose=LIDAR_POSE, **ANCHORS)
    bench.peer.publish("anchors", cloud(lidar_points(), take(0)))
    bench.show(take(5))
    bench.warning("the nearest anchors are 0.50 s from the image")
    assert_true(ask_with(bench, cloud(lidar_points(), take(6)), take(6)))


def test_damaged_anchors_are_warned_of_and_the_node_goes_on(bench: Bench, relative: str) -> None:
    bench.peer.listen(LOG)
    bench.gate.instead = RELATIVE
    bench.start("depth/image", model=relative, anchors_pose=LIDAR_POSE, **ANCHORS)
    damaged = cloud(lidar_points(), take(0))
    damaged.data = damaged.data[:-7]
    bench.peer.publish("anchors", damaged)
    bench.show(take(0))
    bench.warning("/anchors: unused, MessageError")
    assert_true(ask_with(bench, cloud(lidar_points(), take(1)), take(1)))


# --- TF


class Buffer:
    """Stands where tf2_ros's buffer does, which has no wheel: poses by (target, source)."""

    poses: ClassVar[dict[tuple[str, str], Floats]] = {}
    clears: ClassVar[int] = 0

    def lookup_transform(self, target: str, source: str, time: Any, timeout: Any) -> Any:
        if (target, source) not in self.poses:
            raise LookupError(f'"{target}" passed to lookupTransform does not exist')
        pose, found = self.poses[target, source], TransformStamped(header=Header(frame_id=target))
        w = np.sqrt(1 + np.trace(pose[:3, :3])) / 2
        x, y, z = (pose[i, j] - pose[j, i] for i, j in ((2, 1), (0, 2), (1, 0)))
        rotation, move = found.transform.rotation, found.transform.translation
        rotation.w, rotation.x, rotation.y, rotation.z = w, x / 4 / w, y / 4 / w, z / 4 / w
        move.x, move.y, move.z = pose[:3, 3]
        return found

    def clear(self) -> None:
        Buffer.clears += 1


class Listener:
    """Stands where tf2_ros's listener does, which its subscriptions keep alive."""

    listening = 0

    def __init__(self, buffer: Buffer, node: Any) -> None:
        Listener.listening += 1

    def unregister(self) -> None:
        Listener.listening -= 1


@pytest.fixture
def tf2_ros(monkeypatch: pytest.MonkeyPatch) -> type[Buffer]:
    module: Any = ModuleType("tf2_ros")
    module.Buffer, module.TransformListener = Buffer, Listener
    monkeypatch.setitem(sys.modules, "tf2_ros", module)
    monkeypatch.setattr(Buffer, "poses", {})
    monkeypatch.setattr(Buffer, "clears", 0)
    monkeypatch.setattr(Listener, "listening", 0)
    return Buffer


def camera_over_ground() -> Floats:
    pose = pose_matrix(0.2, 0.0, HEIGHT_M, 0.0, np.radians(PITCH_DEG), 0.0)
    return np.asarray(pose @ np.linalg.inv(OPTICAL_FROM_BODY))


def test_tf_tells_how_the_camera_stands(bench: Bench, relative: str, tf2_ros: type[Buffer]) -> None:
    bench.peer.listen(LOG)
    bench.gate.instead = RELATIVE
    bench.start("depth/image", model=relative, scale_mode="ground")
    bench.show(take(0))
    bench.warning("ScaleError", "TF has no camera_optical_frame in base_footprint")
    tf2_ros.poses["base_footprint", "camera_optical_frame"] = camera_over_ground()
    assert_true(metres(bench.ask(take(1))["depth/image"]))


def test_without_base_footprint_base_link_and_its_offset_tell_the_ground(
    bench: Bench, relative: str, tf2_ros: type[Buffer]
) -> None:
    pose = camera_over_ground()
    tf2_ros.poses["base_footprint", "camera_optical_frame"] = pose.copy()
    pose[2, 3] -= 0.1
    tf2_ros.poses["base_link", "camera_optical_frame"] = pose
    on_ground = tf2_ros.poses.pop(("base_footprint", "camera_optical_frame"))
    bench.peer.listen(LOG)
    bench.gate.instead = RELATIVE
    bench.start("depth/image", model=relative, scale_mode="ground", ground_offset_m=0.1)
    assert_true(metres(bench.ask(take(0))["depth/image"]))
    bench.said("above the ground, by TF to base_link")
    # TF that comes late counts from then on.
    tf2_ros.poses["base_footprint", "camera_optical_frame"] = on_ground
    assert_true(metres(bench.ask(take(1))["depth/image"]))
    bench.said("above the ground, by TF to base_footprint")


def test_the_offset_of_the_ground_counts_from_the_next_frame(
    bench: Bench, relative: str, tf2_ros: type[Buffer]
) -> None:
    pose = camera_over_ground()
    pose[2, 3] -= 0.1
    tf2_ros.poses["base_link", "camera_optical_frame"] = pose
    bench.gate.instead = RELATIVE
    bench.start("depth/image", model=relative, scale_mode="ground", scale_filter=False)
    wrong_m = metres(bench.ask(take(0))["depth/image"])
    assert np.nanmean(np.abs(wrong_m - TRUTH_M) / TRUTH_M) > 0.04
    set_live(bench, "ground_offset_m", 0.1)
    assert_true(metres(bench.ask(take(1))["depth/image"]))


def hide_tf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    monkeypatch.setattr("depth_ros.ros.transform_buffer.message_class", lambda kind: None)


def start_without_tf2(bench: Bench, relative: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_tf(monkeypatch)
    bench.peer.listen(LOG)
    bench.gate.instead = RELATIVE
    bench.start("depth/image", model=relative, scale_mode="anchors")


def test_anchors_in_the_images_own_frame_need_no_tf(
    bench: Bench, relative: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_without_tf2(bench, relative, monkeypatch)
    pose = OPTICAL_FROM_BODY @ pose_matrix(*LIDAR_POSE)
    message = cloud(transform(lidar_points(), pose), take(0))
    message.header.frame_id = take(0).header().frame_id
    assert_true(ask_with(bench, message, take(0)))


def test_anchors_in_another_frame_say_that_tf2_is_missing(
    bench: Bench, relative: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_without_tf2(bench, relative, monkeypatch)
    bench.deliver("anchors", cloud(lidar_points(), take(0)), "anchors")
    bench.show(take(0))
    bench.warning("ScaleError", "pose of lidar", "tf2_ros is missing")


def test_tf_tells_where_the_anchors_are(bench: Bench, relative: str, tf2_ros: type[Buffer]) -> None:
    pose = OPTICAL_FROM_BODY @ pose_matrix(*LIDAR_POSE)
    tf2_ros.poses["camera_optical_frame", "lidar"] = pose
    bench.gate.instead = RELATIVE
    bench.start("depth/image", model=relative, scale_mode="anchors")
    assert_true(ask_with(bench, cloud(lidar_points(), take(0)), take(0)))


def test_a_node_that_is_cleaned_up_listens_to_tf_no_longer(
    bench: Bench, relative: str, tf2_ros: type[Buffer]
) -> None:
    node = bench.start(model=relative, scale_mode="ground")
    assert Listener.listening == 1
    node.trigger_deactivate()
    node.trigger_cleanup()
    assert Listener.listening == 0


def test_tf_starts_anew_when_a_bag_does(bench: Bench, relative: str, tf2_ros: type[Buffer]) -> None:
    tf2_ros.poses["base_footprint", "camera_optical_frame"] = camera_over_ground()
    bench.gate.instead = RELATIVE
    bench.start("depth/image", model=relative, scale_mode="ground")
    for number in (30, 31, 0):
        assert_true(metres(bench.ask(take(number))["depth/image"]))
    assert tf2_ros.clears == 1


def test_cameras_whose_stamps_are_apart_are_no_bag_that_begins_anew(tf2_ros: type[Buffer]) -> None:
    names = ["front", "left", "rear"]
    for name in names:
        tf2_ros.poses["base_footprint", name] = camera_over_ground()
    node: Any = MagicMock()
    tf = Tf(node)

    def look_up_all(first: int, count: int) -> None:
        for number in range(first, first + count):
            for late, name in enumerate(names):  # each is 1.5 s behind the one before
                tf.mount(replace(take(number - 15 * late), frame_id=name).header(), Settings())

    look_up_all(100, 30)
    assert tf2_ros.clears == 0
    look_up_all(50, 30)
    assert tf2_ros.clears == 1
    assert node.get_logger().info.call_count == 3  # once for each camera


def test_without_tf2_the_node_says_what_to_set(
    bench: Bench, relative: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_tf(monkeypatch)
    bench.peer.listen(LOG)
    node = bench.start(model=relative, scale_mode="ground")
    assert node.health.model_failed
    assert "expected 'parameters' where tf2_ros is missing" in node.health.last_error


def test_tf_is_received_without_tf2(
    bench: Bench, relative: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    kind = message_class(tf_message.KIND)
    if kind is None:
        pytest.skip("no class of TFMessage")
    bench.gate.instead = RELATIVE
    node = bench.start("depth/image", model=relative, scale_mode="ground")
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = bench.peer.ros.create_publisher(kind, "/tf_static", latched)
    frames = "base_footprint", take(0).frame_id
    sent = static_transform(*frames, camera_over_ground(), take(0).stamp_ns)
    publisher.publish(bytes(TYPESTORE.serialize_cdr(sent, tf_message.KIND)))
    bench.peer.wait(publisher.get_subscription_count, "the node")
    publisher.wait_for_all_acked()
    assert_true(metres(bench.ask(take(0))["depth/image"]))
    node.trigger_deactivate()
    node.trigger_cleanup()
    bench.peer.wait(lambda: not publisher.get_subscription_count(), "the end of the match")


@pytest.fixture(scope="session")
def prompted(built: Callable[[str], Path]) -> str:
    return str(built("prompt-depth-anything"))


def test_a_prompted_model_needs_anchors(bench: Bench, prompted: str) -> None:
    node = bench.start(model=prompted)
    assert "set scale.mode:=anchors" in node.health.last_error


def test_anchors_prompt_a_prompted_model(bench: Bench, prompted: str) -> None:
    bench.start("depth/image", model=prompted, anchors_pose=LIDAR_POSE, **ANCHORS)
    depth_m = ask_with(bench, cloud(lidar_points(), take(0)), take(0))
    assert np.isfinite(depth_m).any()
