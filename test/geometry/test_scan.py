"""Points to the beams of a scan, by REP 117."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from depth_ros.errors import FrameError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.navigation import Points
from depth_ros.geometry.scan import Beams, beams_of, body_frame, nearest_ranges

BEAMS = Beams(-1.0, 0.1, 21)


def test_each_beam_holds_its_nearest_hit() -> None:
    rng = np.random.default_rng(0)
    angle, range_m = rng.uniform(-1.3, 1.3, 400), rng.uniform(0.5, 4, 400)
    hit = rng.random(400) < 0.5
    expected = np.full(21, np.nan)
    for a, r, h in zip(angle, range_m, hit, strict=True):
        beam = round((a + 1.0) / 0.1)
        if 0 <= beam < 21:
            nearest = np.inf if np.isnan(expected[beam]) else expected[beam]
            expected[beam] = min(nearest, r) if h else nearest
    points = np.stack([range_m * np.cos(angle), range_m * np.sin(angle), rng.normal(size=400)])
    hits = torch.from_numpy(hit)
    found = nearest_ranges(Points(*torch.from_numpy(points).float()), hits, ~hits, BEAMS)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_nothing_in_range_is_infinite_and_nothing_known_is_nan() -> None:
    points = torch.tensor([[1.0, 0, 0], [torch.nan, 0, 0], [0.9, 0.3, 0.0]])
    hits, free = torch.tensor([False, True, False]), torch.tensor([True, False, False])
    found = nearest_ranges(Points(*points.T), hits, free, BEAMS)
    assert found[10] == math.inf
    assert found.isnan().sum() == 20


def test_beams_span_what_an_image_may_see_from_another_place() -> None:
    camera = Camera.from_fov(64, 48, 80.0)
    pose = np.array([[0, 0, 1, 0.2], [-1, 0, 0, 0.1], [0, -1, 0, 0.5], [0, 0, 0, 1]], float)
    beams = beams_of(camera.rays(), pose, 4.0, 32)
    assert beams.size == 32
    for far_m in (0.3, 1.0, 4.0):
        rays = np.dstack([camera.rays(), np.ones((48, 64))]).reshape(-1, 3)
        points = far_m * rays @ pose[:3, :3].T + pose[:3, 3]
        angles = np.arctan2(points[:, 1], points[:, 0])
        assert beams.angle_min - 1e-6 <= angles.min()
        assert angles.max() <= beams.angle_max + 1e-6


def test_the_frame_is_the_optical_ones_body() -> None:
    assert body_frame("camera_color_optical_frame") == "camera_color_frame"
    assert body_frame("front_optical") == "front"
    with pytest.raises(FrameError, match=r"'camera'.*scan.frame"):
        body_frame("camera")
