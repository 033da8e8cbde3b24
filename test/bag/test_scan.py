"""Laser scans out of depth, against walls whose distance is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from depth_ros.bag import scan
from depth_ros.errors import BagError
from depth_ros.geometry.camera import Camera

CAMERA = Camera.from_fov(64, 48, 80.0)


def flat(depth_m: float) -> scan.Floats:
    return np.full((48, 64), depth_m, np.float32)


def angles(found: scan.Scan) -> scan.Floats:
    steps = np.arange(len(found.ranges)) * found.angle_increment
    return (found.angle_min + steps).astype(np.float32)


def test_a_wall_ahead_is_a_straight_line() -> None:
    found = scan.from_depth(flat(2.0), CAMERA, 1)
    assert len(found.ranges) == 64
    hit = np.isfinite(found.ranges)
    assert hit.sum() > 50
    assert np.allclose((found.ranges * np.cos(angles(found)))[hit], 2.0, rtol=0.03)


def test_angles_grow_to_the_left_over_the_field_of_view() -> None:
    found = scan.from_depth(flat(2.0), CAMERA, 1)
    assert found.angle_max - found.angle_min == pytest.approx(math.radians(79), abs=0.03)
    assert found.angle_increment > 0
    depth_m = flat(5.0)
    depth_m[:, :20] = 1.0  # on the left of the image
    near = scan.from_depth(depth_m, CAMERA, 1).ranges < 2
    assert near[-15:].mean() > 0.8
    assert not near[:40].any()


def test_the_nearest_of_the_band_counts() -> None:
    depth_m = flat(5.0)
    depth_m[20, 32] = 1.0
    assert np.nanmin(scan.from_depth(depth_m, CAMERA, 1).ranges) > 4.9
    assert np.nanmin(scan.from_depth(depth_m, CAMERA, 9).ranges) == pytest.approx(1, rel=0.01)


def test_nothing_in_range_stays_infinite_and_no_estimate_stays_none() -> None:
    depth_m = flat(np.inf)
    depth_m[:, 32:] = np.nan  # on the right
    ranges = scan.from_depth(depth_m, CAMERA, 3).ranges
    assert np.isnan(ranges[:25]).all()
    assert np.isinf(ranges[40:]).sum() > 15
    assert not np.isfinite(ranges).any()


def test_a_lens_bends_the_beams_where_they_belong() -> None:
    lens = Camera(64, 48, 40.0, 40.0, 31.5, 23.5, "plumb_bob", (-0.2, 0.02, 0.0, 0.0, 0.0))
    found = scan.from_depth(flat(2.0), lens, 1)
    hit = np.isfinite(found.ranges)
    assert np.allclose((found.ranges * np.cos(angles(found)))[hit], 2.0, rtol=0.03)


@pytest.mark.parametrize("cy", [-100.0, 0.0, 47.0, 400.0])
def test_the_band_stays_inside_of_the_image(cy: float) -> None:
    camera = Camera(64, 48, 40.0, 40.0, 31.5, cy)
    assert np.isfinite(scan.from_depth(flat(2.0), camera, 5).ranges).any()


def test_the_frame_is_the_optical_ones_body() -> None:
    assert scan.frame_of("camera_color_optical_frame") == "camera_color_frame"
    assert scan.frame_of("front_optical") == "front"
    with pytest.raises(BagError, match=r"'camera'.*--scan-frame"):
        scan.frame_of("camera")
