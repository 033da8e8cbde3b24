"""Odometry of depth: what a path's length and its distance to another one are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks import odometry
from benchmarks.odometry import ANCHORS, GROUND, MODEL, STEADY, TRUTH
from benchmarks.visual_odometry import (
    FeatureOdometry,
    Odometry,
    Open3dOdometry,
    Track,
    View,
    installed,
)
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
    assert {*odometry._COLOURS.values()} <= {
        tuple(pixel) for pixel in panel.reshape(-1, 3).tolist()
    }


def test_a_missing_open3d_says_what_to_install_and_features_need_nothing() -> None:
    assert "features" in installed()
    if "Open3D" in installed():
        pytest.skip("Open3D is installed")
    with pytest.raises(SettingError, match="pip install open3d"):
        Open3dOdometry()


def wall(camera: Camera, x_m: float, z_m: float) -> View:
    """A textured wall 3 m before the origin, with a box, seen from a place."""
    rays = camera.rays()
    place, texture = np.array([x_m, 0.0, z_m]), np.random.default_rng(0).integers(0, 255, (99, 99))
    z = np.full(rays.shape[:2], 3.0 - z_m)
    near = 2.0 - z_m
    on_box = np.abs(rays * near + place[:2]).max(axis=-1) < 0.6
    z[on_box] = near
    x, y = np.moveaxis(rays * z[..., None] + place[:2], -1, 0)
    columns, rows = ((x + 5) * 9 + 40 * on_box) % 98, ((y + 5) * 9) % 98
    texels = columns.astype(np.float32), rows.astype(np.float32)
    grey = cv2.remap(texture.astype(np.uint8), texels[0], texels[1], cv2.INTER_LINEAR)
    return View(np.repeat(grey[..., None], 3, axis=-1), z.astype(np.float32))


@pytest.mark.parametrize("kind", installed().values(), ids=installed())
def test_a_known_motion_is_found(kind: type[Odometry]) -> None:
    camera, moving = Camera.from_fov(320, 240, 70.0), kind()
    places = [(0.0, 0.0), (0.03, 0.02), (0.05, 0.06)]
    for place in places:
        view = wall(camera, *place)
        moving.add(view.rgb, view.depth_m, camera)
    found = [pose[[0, 2], 3] for pose in moving.track.poses]
    np.testing.assert_allclose(found, places, atol=4e-3)
    np.testing.assert_allclose(moving.track.poses[-1][:3, :3], np.eye(3), atol=2e-3)
    assert moving.track.lost == 0


def test_features_take_the_depth_of_the_first_frame_alone() -> None:
    camera, moving = Camera.from_fov(320, 240, 70.0), FeatureOdometry()
    before, now = wall(camera, 0.0, 0.0), wall(camera, 0.03, 0.0)
    motion = moving.motion(before, now, camera)
    blind = View(now.rgb, np.full_like(now.depth_m, np.nan))
    assert motion is not None
    np.testing.assert_array_equal(moving.motion(before, blind, camera), motion)


def test_without_features_or_depth_a_frame_is_lost() -> None:
    camera, moving = Camera.from_fov(320, 240, 70.0), FeatureOdometry()
    grey, depth_m = np.full((240, 320, 3), 99, np.uint8), np.full((240, 320), 2.0, np.float32)
    view = wall(camera, 0.0, 0.0)
    for rgb, known_m in ((grey, depth_m), (grey, depth_m), (view.rgb, np.nan * depth_m)):
        moving.add(rgb, known_m, camera)
    moving.add(view.rgb, depth_m, camera)
    assert moving.track.lost == 3
    assert moving.track.length_m == 0
