"""Odometry of depth: what a path's length and its distance to another one are."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from benchmarks import odometry
from benchmarks.odometry import ANCHORS, GROUND, MODEL, STEADY, TRUTH, Track
from depth_ros.errors import SettingError
from depth_ros.geometry.camera import Camera


def straight(length_m: float, frames: int = 5, lost: int = 0) -> Track:
    poses = [np.eye(4) for _ in range(frames)]
    for pose, z in zip(poses, np.linspace(0, length_m, frames), strict=True):
        pose[2, 3] = z
    return Track(poses, lost)


def test_a_path_has_a_length_and_a_distance_to_another_one() -> None:
    one, other = straight(2.0), straight(2.2)
    assert one.length_m == pytest.approx(2.0)
    assert odometry.drift_m(one, one) == 0
    expected = np.sqrt(np.mean(np.linspace(0, 0.2, 5) ** 2))
    assert odometry.drift_m(one, other) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("length_m", "lost", "verdict"), [(2.1, 0, "reached"), (2.3, 0, "MISSED"), (2.1, 1, "MISSED")]
)
def test_a_bar_is_missed_by_the_length_or_by_a_lost_frame(
    length_m: float, lost: int, verdict: str
) -> None:
    tracks = {TRUTH: straight(2.0), ANCHORS: straight(length_m, lost=lost), MODEL: straight(9.0)}
    lines = odometry.table("room", tracks, tracks[TRUTH], recorded=True).splitlines()
    assert lines[1].endswith(f"within 10%, none lost: {verdict}")
    assert "within" not in lines[0] + lines[2]


@pytest.mark.slow
def test_the_picture_shows_every_path() -> None:
    tracks = {way: straight(2.0) for way in (TRUTH, MODEL, STEADY, GROUND, ANCHORS)}
    panel = odometry.draw("room", tracks, straight(2.0))
    assert {*odometry._COLOURS} <= {tuple(pixel) for pixel in panel.reshape(-1, 3).tolist()}


def test_a_missing_open3d_says_what_to_install() -> None:
    if importlib.util.find_spec("open3d"):
        pytest.skip("Open3D is installed")
    with pytest.raises(SettingError, match="pip install open3d"):
        odometry.Odometry()


def test_a_known_motion_is_found() -> None:
    pytest.importorskip("open3d")
    camera = Camera.from_fov(160, 120, 70.0)
    v, u = np.mgrid[:120, :160]
    depth_m = (2 + 0.5 * np.sin(u / 17) * np.cos(v / 13)).astype(np.float32)
    grey = (128 + 100 * np.sin(u / 5) * np.cos(v / 7)).astype(np.uint8)
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    moving = odometry.Odometry()
    moving.add(rgb, depth_m, camera)
    moving.add(rgb, depth_m, camera)
    np.testing.assert_allclose(moving.track.poses[1], np.eye(4), atol=1e-3)
