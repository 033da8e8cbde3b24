"""What a conversion writes for navigation: points/nav, scans by heights, uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_ros import cli
from depth_ros.bag import writer as bag
from depth_ros.bag.convert import convert
from depth_ros.bag.options import ConvertOptions
from depth_ros.messages import depth_from_image, points_from_cloud
from depth_ros.pipeline import Frame, Place
from depth_ros.scale.ground import Mount
from test.bag.recordings import (
    CAMERA,
    FRAME_ID,
    START_NS,
    STEP_NS,
    Message,
    by_topic,
    picture,
    pipeline,
    read,
    write,
)
from test.test_pipeline_navigation import world

MOUNT = Mount.from_angles(0.5, 12.0, 0.0)
POSE = np.asarray(Place.of_mount(MOUNT).ground_from_optical, np.float64)
WALL_M = 2.0
NAV: dict[str, Any] = {"nav_range_m": 4.0, "nav_frames": 2, "nav_frames_agree": 2}


def drive(
    ground: str = "base_footprint", odom: bool = False, walls_m: Sequence[float] = (WALL_M,) * 3
) -> Iterator[Message]:
    """A robot that stands before a wall, which may be elsewhere in another frame."""
    yield "/tf_static", bag.static_transform(ground, FRAME_ID, POSE, START_NS), START_NS
    for index, wall_m in enumerate(walls_m):
        rgb = picture(world(CAMERA, wall_m, MOUNT))
        at = START_NS + index * STEP_NS
        if odom:
            yield "/tf", bag.static_transform("odom", ground, np.eye(4), at), at
        yield "/camera/camera_info", bag.camera_info(CAMERA, at, FRAME_ID), at
        yield "/camera/image", bag.image(rgb, "rgb8", at, FRAME_ID), at


def heights(message: Any) -> Any:
    return MOUNT.height_m - points_from_cloud(message)[0] @ np.array(MOUNT.down)


def test_the_cloud_is_the_pipelines(tmp_path: Path) -> None:
    walls_m = (WALL_M, 0.5 * WALL_M, 0.5 * WALL_M)
    source, out = write(tmp_path / "in", drive(odom=True, walls_m=walls_m)), tmp_path / "out"
    convert([source], out, pipeline(**NAV), ConvertOptions(extras=("nav",)))
    found = read(out, "/points/nav")
    again = pipeline(**NAV)
    for image, message in zip(read(out, "/camera/image"), found, strict=True):
        assert message.header == image.header
        stamp_ns = image.header.stamp.sec * 10**9 + image.header.stamp.nanosec
        frame = Frame(np.reshape(image.data, (48, 64, 3)), CAMERA, stamp_ns, FRAME_ID)
        place = Place(MOUNT, POSE, "base_footprint", POSE)
        cloud = again.navigator.cloud(again(frame), again.settings, place)
        expected = cloud.payload[: int(cloud.count or 0)].numpy().view(np.float32)
        np.testing.assert_allclose(points_from_cloud(message)[0], expected, atol=1e-4)
    high = [int((heights(message) > 0.3).sum()) for message in found]
    assert high[1] < 0.1 * min(high[0], high[2]), "the frame before saw through it"


def test_without_the_ground_it_says_so(tmp_path: Path) -> None:
    source = write(tmp_path / "in", drive("elsewhere"))
    summary = convert([source], tmp_path / "out", pipeline(**NAV), ConvertOptions(extras=("nav",)))
    assert any("no heights above the ground" in text for text in summary.warnings)
    assert len(read(tmp_path / "out", "/points/nav")) == 3


def test_a_scan_by_heights_is_in_the_grounds_frame(tmp_path: Path) -> None:
    source, out = write(tmp_path / "in", drive()), tmp_path / "out"
    subject = pipeline(scan_height_band_m=(0.2, 0.7), **NAV)
    convert([source], out, subject, ConvertOptions(extras=("scan",)))
    for scan in read(out, "/scan"):
        assert scan.header.frame_id == "base_footprint"
        angles = scan.angle_min + np.arange(len(scan.ranges)) * scan.angle_increment
        hit = np.isfinite(scan.ranges)
        assert hit.mean() > 0.5
        np.testing.assert_allclose((scan.ranges * np.cos(angles))[hit], WALL_M, rtol=0.08)
        assert scan.ranges[hit].max() <= scan.range_max


def test_uncertainty_is_written_in_metres(tmp_path: Path) -> None:
    source, out = write(tmp_path / "in", drive()), tmp_path / "out"
    convert([source], out, pipeline(), ConvertOptions(extras=("uncertainty",)))
    depths = read(out, "/depth/image")
    for depth, message in zip(depths, read(out, "/depth/uncertainty"), strict=True):
        share = depth_from_image(message) / depth_from_image(depth)
        assert np.nanmin(share) > 0.01
        assert np.nanmax(share) < 2


def test_the_verb_knows_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "in", drive())
    said = ["--set", "model=zoedepth-tiny", "--set", "device=cpu", "--with", "nav", "uncertainty"]
    assert cli.main(["convert", str(source), str(tmp_path / "out"), *said]) == 0
    assert {"/points/nav", "/depth/uncertainty"} <= set(by_topic(tmp_path / "out"))
