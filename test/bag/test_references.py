"""Scale out of a recording: the ground by parameters and TF, anchors of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_ros import messages
from depth_ros.bag import writer as bag
from depth_ros.bag.convert import convert
from depth_ros.bag.options import ConvertOptions
from depth_ros.bag.summary import ConvertSummary
from depth_ros.bag.types import TYPESTORE
from depth_ros.errors import BagError
from depth_ros.geometry.cloud import CloudPacker
from depth_ros.outputs.topics import CLOUD
from depth_ros.scale.anchors import OPTICAL_FROM_BODY
from test.bag.recordings import (
    CAMERA,
    FRAME_ID,
    START_NS,
    STEP_NS,
    Brightness,
    Message,
    Metres,
    picture,
    pipeline,
    read,
    write,
)
from test.messages.depth_files import packed

HEIGHT_M = 0.5
SHARE = 0.4
"""Of the truth that the network sees, in these tests: the scale has to make up for it."""
BODY_FROM_OPTICAL = OPTICAL_FROM_BODY.T


def room() -> Metres:
    """Depth of a floor below the camera and a wall ahead."""
    down = CAMERA.rays()[..., 1]
    with np.errstate(divide="ignore"):
        floor = np.where(down > 0, HEIGHT_M / down, np.inf)
    sideways = 3.5 + 0.6 * CAMERA.rays()[..., 0]
    depth_m: Metres = np.minimum(floor, sideways).astype(np.float32)
    return depth_m


def above_ground(count: int = 5, beside: Any = None) -> Iterator[Message]:
    """A camera that looks ahead over the floor; more messages beside each image."""
    rgb = picture(room())
    for index in range(count):
        stamp_ns = START_NS + index * STEP_NS
        yield "/camera/camera_info", bag.camera_info(CAMERA, stamp_ns, FRAME_ID), stamp_ns
        yield "/camera/image", bag.image(rgb, "rgb8", stamp_ns, FRAME_ID), stamp_ns + 1
        if beside is not None:
            yield from beside(stamp_ns)


def converted(
    tmp_path: Path, recording: Iterator[Message], options: ConvertOptions, **values: Any
) -> ConvertSummary:
    source = write(tmp_path / "in", recording)
    short = pipeline(Brightness(share=SHARE), **values)
    return convert([source], tmp_path / "out", short, options)


def assert_true(tmp_path: Path, count: int = 5, rel: float = 0.03) -> None:
    found = read(tmp_path / "out", "/depth/image")
    assert len(found) == count
    for message in found:
        depth_m = messages.depth_from_image(message)
        assert np.nanmedian(depth_m / room()) == pytest.approx(1, rel=rel)


def mount_pose() -> Any:
    pose = np.eye(4)
    pose[:3, :3] = BODY_FROM_OPTICAL[:3, :3]
    pose[2, 3] = HEIGHT_M
    return pose


def test_the_ground_gives_metres_by_parameters(tmp_path: Path) -> None:
    values = {"extrinsics": "parameters", "camera_height_m": HEIGHT_M}
    converted(tmp_path, above_ground(), ConvertOptions(), scale_mode="ground", **values)
    assert_true(tmp_path)


def test_the_ground_gives_metres_by_static_transforms(tmp_path: Path) -> None:
    def with_tf() -> Iterator[Message]:
        up = np.eye(4)
        up[2, 3] = 0.1
        camera = mount_pose()
        camera[2, 3] -= 0.1
        # Said last: transforms that never change hold for the frames before them, too.
        yield from above_ground()
        at = START_NS + 5 * STEP_NS
        yield "/tf_static", bag.static_transform("base_footprint", "base_link", up, START_NS), at
        yield "/tf_static", bag.static_transform("base_link", FRAME_ID, camera, START_NS), at

    # What base_link is above the ground does not matter where base_footprint is.
    converted(tmp_path, with_tf(), ConvertOptions(), scale_mode="ground", ground_offset_m=3.0)
    assert_true(tmp_path)


def test_a_camera_that_moves_is_where_it_is_at_its_time(tmp_path: Path) -> None:
    def moving(stamp_ns: int) -> Iterator[Message]:
        yield (
            "/tf",
            bag.static_transform("base_footprint", FRAME_ID, mount_pose(), stamp_ns),
            stamp_ns + 9,
        )
        wrong = mount_pose()
        wrong[2, 3] = 5.0
        later_ns = stamp_ns + STEP_NS // 2
        yield "/tf", bag.static_transform("base_footprint", FRAME_ID, wrong, later_ns), later_ns

    converted(tmp_path, above_ground(beside=moving), ConvertOptions(), scale_mode="ground")
    assert_true(tmp_path)


def test_frames_without_a_scale_are_skipped_and_counted(tmp_path: Path) -> None:
    def unconnected(stamp_ns: int) -> Iterator[Message]:
        yield "/tf", bag.static_transform("map", "odom", np.eye(4), stamp_ns), stamp_ns

    recording = above_ground(beside=unconnected)
    summary = converted(tmp_path, recording, ConvertOptions(), scale_mode="ground")
    assert summary.skipped == {"ScaleError": 5}
    assert "base_footprint" in summary.examples["ScaleError"]
    assert summary.answered == {}


def test_missing_tf_is_an_error_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"no /tf.*extrinsics=parameters"):
        converted(tmp_path, above_ground(), ConvertOptions(), scale_mode="ground")
    assert not (tmp_path / "out").exists()


def lidar(stamp_ns: int) -> Iterator[Message]:
    """A cloud of every fifth pixel, in the camera's frame, a little later."""
    import torch

    packer = CloudPacker(torch.from_numpy(CAMERA.rays().copy()), False, 5)
    rgb = torch.zeros(CAMERA.height, CAMERA.width, 3, dtype=torch.uint8)
    payload = packer.pack(torch.from_numpy(room()), rgb, False)
    at = bag.header(stamp_ns + 20_000_000, FRAME_ID)
    content = messages.cloud_content(payload.clone().numpy())
    yield "/lidar", bag.message(CLOUD, at, content), stamp_ns + 25_000_000


IDENTITY = {"extrinsics": "tf", "scale_mode": "anchors"}


def still() -> Iterator[Message]:
    yield "/tf_static", bag.static_transform("base_link", FRAME_ID, np.eye(4), START_NS), START_NS


def with_still(beside: Any) -> Iterator[Message]:
    yield from still()
    yield from above_ground(beside=beside)


def test_anchors_that_come_after_their_image_give_it_metres(tmp_path: Path) -> None:
    converted(tmp_path, with_still(lidar), ConvertOptions(), **IDENTITY)
    assert_true(tmp_path)


def test_anchors_in_the_images_own_frame_need_no_tf(tmp_path: Path) -> None:
    converted(tmp_path, above_ground(beside=lidar), ConvertOptions(), **IDENTITY)
    assert_true(tmp_path)


def test_anchors_in_another_frame_need_tf(tmp_path: Path) -> None:
    def elsewhere(stamp_ns: int) -> Iterator[Message]:
        for topic, message, time_ns in lidar(stamp_ns):
            message.header.frame_id = "lidar"
            yield topic, message, time_ns

    summary = converted(tmp_path, above_ground(beside=elsewhere), ConvertOptions(), **IDENTITY)
    assert summary.skipped == {"ScaleError": 5}
    assert "does not connect lidar with" in summary.examples["ScaleError"]
    assert "extrinsics=parameters" in summary.examples["ScaleError"]


@pytest.mark.parametrize("named", ["", "chassis"])
def test_a_frame_above_the_ground_tells_it_by_its_offset(tmp_path: Path, named: str) -> None:
    def with_tf() -> Iterator[Message]:
        camera = mount_pose()
        camera[2, 3] -= 0.1
        pose = bag.static_transform(named or "base_link", FRAME_ID, camera, START_NS)
        yield "/tf_static", pose, START_NS
        yield from above_ground()

    values = {"scale_mode": "ground", "ground_frame": named, "ground_offset_m": 0.1}
    converted(tmp_path, with_tf(), ConvertOptions(), **values)
    assert_true(tmp_path)


def test_anchors_by_parameters_are_in_the_bodys_axes(tmp_path: Path) -> None:
    def scanner(stamp_ns: int) -> Iterator[Message]:
        """A laser scan in the plane of the optical axis, 0.2 m ahead of the camera."""
        row = round(CAMERA.cy)
        x, z = CAMERA.rays()[row, :, 0] * room()[row], room()[row] - 0.2
        angle, range_m = np.arctan2(-x, z)[::-1], np.hypot(x, z)[::-1]
        even = np.linspace(angle[0], angle[-1], CAMERA.width)
        scan = TYPESTORE.types["sensor_msgs/msg/LaserScan"](
            bag.header(stamp_ns, "laser"),
            *(float(even[0]), float(even[-1]), float(even[1] - even[0]), 0.0, 0.0, 0.1, 30.0),
            np.interp(even, angle, range_m).astype(np.float32),
            np.zeros(0, np.float32),
        )
        yield "/scan_in", scan, stamp_ns

    values = {"extrinsics": "parameters", "anchors_pose": (0.2, 0, 0, 0, 0, 0)}
    recording = above_ground(beside=scanner)
    values |= {"scale_mode": "anchors", "anchors_type": "scan"}
    converted(tmp_path, recording, ConvertOptions(anchors="/scan_in"), **values)
    assert_true(tmp_path, rel=0.06)


def depth_camera(stamp_ns: int) -> Iterator[Message]:
    """A depth image, its camera_info beside it."""
    depth_mm = (room() * 1000).astype(np.uint16)
    yield "/tof/camera_info", bag.camera_info(CAMERA, stamp_ns, FRAME_ID), stamp_ns
    yield "/tof/image", bag.image(depth_mm, "16UC1", stamp_ns, FRAME_ID), stamp_ns


@pytest.mark.parametrize("anchors", ["", "/tof/image"])
def test_a_depth_image_gives_metres(tmp_path: Path, anchors: str) -> None:
    options = ConvertOptions(images=("/camera/image",), anchors=anchors)
    converted(tmp_path, with_still(depth_camera), options, anchors_type="depth", **IDENTITY)
    assert_true(tmp_path)


@pytest.mark.parametrize("how", ["png", "rvl"])
def test_a_compressed_depth_image_gives_metres(tmp_path: Path, how: str) -> None:
    def compressed(stamp_ns: int) -> Iterator[Message]:
        said = packed((room() * 1000).astype(np.uint16), "16UC1", how)
        kind = TYPESTORE.types["sensor_msgs/msg/CompressedImage"]
        data = np.frombuffer(said.data, np.uint8)
        message = kind(bag.header(stamp_ns, FRAME_ID), said.format, data)
        yield "/tof/camera_info", bag.camera_info(CAMERA, stamp_ns, FRAME_ID), stamp_ns
        yield "/tof/image/compressedDepth", message, stamp_ns

    options = ConvertOptions(images=("/camera/image",))
    converted(tmp_path, with_still(compressed), options, anchors_type="depth", **IDENTITY)
    assert_true(tmp_path)


@pytest.mark.parametrize("mode", ["ground", "anchors"])
def test_a_camera_that_hangs_upside_down_has_the_same_scale(tmp_path: Path, mode: str) -> None:
    """Ground and anchors are those of the camera's own frame, however the network sees it."""

    def hung() -> Iterator[Message]:
        for topic, message, time_ns in above_ground(beside=depth_camera):
            if topic.endswith("camera_info"):
                message.k = CAMERA.turned(2).matrix.reshape(-1)
            else:
                rows = message.data.reshape(CAMERA.height, CAMERA.width, -1)
                message.data = rows[::-1, ::-1].reshape(-1)
            yield topic, message, time_ns

    values: dict[str, Any] = {"scale_mode": mode, "anchors_type": "depth", "rotate": 180}
    if mode == "ground":
        values |= {"extrinsics": "parameters", "camera_roll_deg": 180.0}
        values |= {"camera_height_m": HEIGHT_M}
    summary = converted(tmp_path, hung(), ConvertOptions(images=("/camera/image",)), **values)
    assert summary.answered == {"camera": 5}
    for message in read(tmp_path / "out", "/depth/image"):
        depth_m = messages.depth_from_image(message)
        np.testing.assert_allclose(depth_m[::-1, ::-1], room(), rtol=0.1)


def test_anchors_have_to_be_named_where_there_is_a_choice(tmp_path: Path) -> None:
    def two(stamp_ns: int) -> Iterator[Message]:
        for topic, message, time_ns in depth_camera(stamp_ns):
            yield topic, message, time_ns
            yield topic.replace("tof", "stereo"), message, time_ns

    options = ConvertOptions(images=("/camera/image",))
    with pytest.raises(BagError, match=r"anchors.*: /stereo/image, /tof/image"):
        converted(tmp_path, with_still(two), options, anchors_type="depth", **IDENTITY)


def test_anchors_of_another_type_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"PointCloud2 on /camera/image.*/lidar"):
        converted(tmp_path, with_still(lidar), ConvertOptions(anchors="/camera/image"), **IDENTITY)


def test_anchors_that_are_too_old_give_no_scale(tmp_path: Path) -> None:
    def early() -> Iterator[Message]:
        yield from still()
        yield from lidar(START_NS)
        for topic, message, time_ns in above_ground():
            message.header.stamp.sec += 3
            yield topic, message, time_ns + 3_000_000_000

    summary = converted(tmp_path, early(), ConvertOptions(), **IDENTITY)
    assert summary.skipped == {"ScaleError": 5}
    assert "no anchors are within" in summary.examples["ScaleError"]
