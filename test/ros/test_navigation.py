"""The node's topics for navigation, over DDS: points/nav, scan and depth/uncertainty."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

import torch

from depth_ros.messages import points_from_cloud
from test.models import checkpoints
from test.ros.conftest import CAMERA, FRAME_ID, LOG, Bench, set_parameters, stamp_of, take
from test.ros.test_scale import (
    GROUND,
    HEIGHT_M,
    MOUNT,
    TRUTH_M,
    WALL_M,
    Buffer,
    Listener,
    camera_over_ground,
    metres,
)

PLACED = {name: value for name, value in GROUND.items() if name != "scale_mode"}
NAV: dict[str, Any] = {"nav_range_m": 8.0, "focal_correction": False, "max_depth_m": 19.0}
TRUE = torch.from_numpy(TRUTH_M).float()[None]
NEAR = torch.full_like(TRUE, 0.8)  # something right before the lens


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(checkpoints.build("depth-anything-metric", tmp_path_factory.mktemp("metric")))


@pytest.fixture
def transforms(monkeypatch: pytest.MonkeyPatch) -> type[Buffer]:
    """What tf2_ros knows: nothing yet."""
    module: Any = ModuleType("tf2_ros")
    module.Buffer, module.TransformListener = Buffer, Listener
    monkeypatch.setitem(sys.modules, "tf2_ros", module)
    monkeypatch.setattr(Buffer, "poses", {})
    return Buffer


def heights(message: Any) -> Any:
    xyz, _ = points_from_cloud(message)
    return HEIGHT_M - xyz @ np.array(MOUNT.down)


def test_the_cloud_has_the_images_stamp_and_frame_and_heights_over_the_ground(
    bench: Bench, metric: str
) -> None:
    bench.gate.instead = TRUE
    bench.start("points/nav", model=metric, **PLACED, **NAV)
    bench.peer.wait(lambda: bench.node.cameras[0].extrinsics is not None)
    cloud = bench.ask(take())["points/nav"]
    assert cloud.header.frame_id == FRAME_ID
    assert stamp_of(cloud) == take().stamp_ns
    assert [field.name for field in cloud.fields] == ["x", "y", "z"]
    assert (cloud.height, cloud.point_step, cloud.is_dense) == (1, 12, True)
    found = heights(cloud)
    floor = np.abs(found) < 1e-3
    assert 0 < floor.sum() < len(found)
    assert found[~floor].min() > 0.05
    set_parameters(bench, nav_floor="drop")
    assert heights(bench.ask(take(1))["points/nav"]).min() > 0.05


def test_without_a_mount_it_goes_out_without_heights_and_says_so_once(
    bench: Bench, metric: str, transforms: type[Buffer]
) -> None:
    bench.peer.listen(LOG)
    bench.gate.instead = TRUE
    bench.start("points/nav", model=metric, nav_odom_frame="odom", **NAV)
    bench.peer.wait(lambda: bench.node.cameras[0].extrinsics is not None)
    assert heights(bench.ask(take(0))["points/nav"]).min() < 0.02
    text = bench.warning("/points/nav: published without heights", "base_footprint")
    bench.ask(take(1))
    assert [log.msg for log in bench.peer.received[LOG]].count(text) == 1
    transforms.poses["base_footprint", "camera_optical_frame"] = camera_over_ground()
    found = heights(bench.ask(take(2))["points/nav"])
    assert ((np.abs(found) < 1e-3) | (found > 0.05)).all()


def test_frames_are_compared_in_the_odometrys_frame(
    bench: Bench, metric: str, transforms: type[Buffer]
) -> None:
    pose = camera_over_ground()
    transforms.poses["base_footprint", "camera_optical_frame"] = pose
    transforms.poses["odom", "camera_optical_frame"] = pose
    bench.gate.instead = TRUE
    agree: dict[str, Any] = {"nav_frames": 2, "nav_frames_agree": 2}
    bench.start("points/nav", model=metric, **agree, **NAV)
    bench.peer.wait(lambda: bench.node.cameras[0].extrinsics is not None)
    found = []
    for number, bench.gate.instead in enumerate((TRUE, NEAR, NEAR)):
        found.append(heights(bench.ask(take(number))["points/nav"]))
    assert (found[0] > 0.3).any()
    assert not (found[1] > 0.3).any(), "the frame before saw through it"
    assert (found[2] > 0.3).any()


def test_a_scan_by_heights_is_in_the_grounds_frame(
    bench: Bench, metric: str, transforms: type[Buffer]
) -> None:
    transforms.poses["base_footprint", "camera_optical_frame"] = camera_over_ground()
    bench.gate.instead = TRUE
    bench.start("scan", model=metric, scale_mode="model", scan_height_band_m=[0.2, 0.7], **NAV)
    bench.peer.wait(lambda: bench.node.cameras[0].extrinsics is not None)
    scan = bench.ask(take())["scan"]
    assert scan.header.frame_id == "base_footprint"
    assert stamp_of(scan) == take().stamp_ns
    ranges = np.array(scan.ranges)
    angles = scan.angle_min + np.arange(len(ranges)) * scan.angle_increment
    assert angles[-1] == pytest.approx(scan.angle_max, abs=1e-5)
    hit = np.isfinite(ranges)
    assert hit.mean() > 0.5
    # The wall is WALL_M ahead of the camera, which is 0.2 m ahead of the frame.
    np.testing.assert_allclose((ranges * np.cos(angles))[hit], WALL_M + 0.2, rtol=0.08)
    assert ranges[hit].max() <= scan.range_max


def test_a_scan_without_heights_is_in_the_cameras_frame(bench: Bench, metric: str) -> None:
    bench.gate.instead = torch.full_like(TRUE, 2.0)
    bench.start("scan", model=metric, scan_frame="laser", **NAV)
    scan = bench.ask(take())["scan"]
    assert (scan.header.frame_id, len(scan.ranges)) == ("laser", CAMERA.width)
    ranges = np.array(scan.ranges)
    angles = scan.angle_min + np.arange(len(ranges)) * scan.angle_increment
    hit = np.isfinite(ranges)
    assert hit.mean() > 0.9
    np.testing.assert_allclose((ranges * np.cos(angles))[hit], 2.0, rtol=0.05)


def test_uncertainty_is_an_image_of_metres(bench: Bench, metric: str) -> None:
    bench.gate.instead = TRUE
    bench.start("depth/image", "depth/uncertainty", model=metric, **NAV)
    answers = bench.ask(take())
    found = answers["depth/uncertainty"]
    assert (found.encoding, found.width, found.height) == ("32FC1", CAMERA.width, CAMERA.height)
    share = metres(found) / metres(answers["depth/image"])
    assert np.nanmin(share) > 0.01
    assert np.nanmax(share) < 1.5


def test_nobody_listens_to_tf_for_topics_that_nobody_hears(
    bench: Bench, metric: str, transforms: type[Buffer]
) -> None:
    bench.start("depth/image", model=metric)
    bench.ask(take())
    assert bench.node.cameras[0].extrinsics is None


LIVE_FOR_NAVIGATION: dict[str, dict[str, Any]] = {
    "nav_range_m": {"nav_range_m": 2.0},
    "nav_voxel_m": {"nav_voxel_m": 0.3},
    "nav_min_height_m": {"nav_min_height_m": 0.6},
    "nav_max_height_m": {"nav_max_height_m": 0.9},
    "nav_tilt_deg": {"nav_tilt_deg": 8.0},
    "nav_sigmas": {"nav_sigmas": 0.1},
    "nav_floor": {"nav_floor": "drop"},
    "nav_contact": {"nav_contact": False},
    "nav_max_uncertainty_m": {"nav_max_uncertainty_m": 0.05},
    "nav_neighbours": {"nav_neighbours": 24},
    "nav_neighbour_radius_m": {"nav_neighbour_radius_m": 0.001},
    "nav_frames": {"nav_frames": 4, "nav_frames_agree": 4},
    "nav_frames_agree": {"nav_frames": 3, "nav_frames_agree": 3},
    "scan_height_band_m": {"scan_height_band_m": [0.2, 0.7]},
}


@pytest.mark.parametrize("name", LIVE_FOR_NAVIGATION)
def test_a_live_setting_counts_from_the_next_frame(
    bench: Bench, metric: str, transforms: type[Buffer], name: str
) -> None:
    pose = camera_over_ground()
    transforms.poses["base_footprint", "camera_optical_frame"] = pose
    transforms.poses["odom", "camera_optical_frame"] = pose
    bench.gate.instead = TRUE
    alone: dict[str, Any] = {"nav_frames": 1, "nav_frames_agree": 1}
    bench.start("points/nav", "scan", model=metric, **alone, **NAV)
    bench.peer.wait(lambda: bench.node.cameras[0].extrinsics is not None)
    before = bench.ask(take(0))
    assert set_parameters(bench, **LIVE_FOR_NAVIGATION[name]) == ""
    bench.gate.instead = NEAR  # which the next frame does not agree with
    bench.ask(take(1))
    bench.gate.instead = TRUE
    after = bench.ask(take(2))
    topic, content = ("scan", "ranges") if name.startswith("scan") else ("points/nav", "data")
    assert getattr(before[topic], content) != getattr(after[topic], content)
