"""The temporal alignment error against its definition and on rendered motion."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from depth_ros.evaluation.temporal import View, temporal_alignment_error
from depth_ros.geometry.camera import Camera
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Drive, Pose, Robot, random_drive

CAMERA = Camera(16, 10, 12.0, 13.0, 7.3, 4.6)


def moved(x: float, y: float, z: float, yaw: float = 0.0) -> npt.NDArray[np.float64]:
    pose = np.eye(4)
    pose[0, [0, 2]] = (math.cos(yaw), math.sin(yaw))
    pose[2, [0, 2]] = (-math.sin(yaw), math.cos(yaw))
    pose[:3, 3] = (x, y, z)
    return pose


def one_way(source: View, target: View) -> float:
    """The definition, pixel by pixel."""
    motion = np.linalg.inv(target.world_from_camera) @ source.world_from_camera
    warped: dict[tuple[int, int], float] = {}
    for v in range(10):
        for u in range(16):
            z = float(source.depth_m[v, u])
            point = np.array([(u - 7.3) / 12 * z, (v - 4.6) / 13 * z, z, 1.0])
            x, y, z, _ = (motion @ point).tolist()
            u2, v2 = round(12 * x / z + 7.3), round(13 * y / z + 4.6)
            if 0 <= u2 < 16 and 0 <= v2 < 10:
                warped[v2, u2] = z
    errors = [abs(z - target.depth_m[p]) / target.depth_m[p] for p, z in warped.items()]
    return float(np.mean(errors))


@pytest.mark.parametrize("seed", range(3))
def test_it_is_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    depths = rng.uniform(2, 4, (2, 10, 16)).astype(np.float32)
    one, next_ = (
        View(depths[0], CAMERA, moved(0, 0, 0)),
        View(depths[1], CAMERA, moved(0.2, 0.1, 0.3, 0.05)),
    )
    expected = 100 * (one_way(one, next_) + one_way(next_, one)) / 2
    assert temporal_alignment_error(one, next_) == pytest.approx(expected, rel=1e-4)


def test_a_camera_that_stands_still_shows_flicker_as_it_is() -> None:
    depth_m = np.full((10, 16), 2.0, np.float32)
    steady = View(depth_m, CAMERA, np.eye(4))
    assert temporal_alignment_error(steady, steady) == 0
    flicker = View(1.1 * depth_m, CAMERA, np.eye(4))
    expected = 100 * (0.2 / 2.2 + 0.2 / 2.0) / 2
    assert temporal_alignment_error(steady, flicker) == pytest.approx(expected, rel=1e-5)
    assert temporal_alignment_error(flicker, steady) == pytest.approx(expected, rel=1e-5)


def test_true_depth_of_a_moving_robot_is_consistent_and_a_wrong_scale_is_not() -> None:
    drive = random_drive(np.random.default_rng(1), Robot(), 160, 120, 3)
    ahead = drive.poses[0]
    step = Pose(
        ahead.x + 0.2 * math.cos(ahead.yaw),
        ahead.y + 0.2 * math.sin(ahead.yaw),
        *(ahead.z, ahead.yaw, ahead.pitch_down, ahead.roll),
    )
    poses = [ahead, step]
    depths_m = render_drive(Drive(drive.scene, drive.camera, poses)).depth_m.numpy()

    def error(factor: float) -> float:
        views = [
            View(factor * depth_m, drive.camera, pose.world_from_optical())
            for depth_m, pose in zip(depths_m, poses, strict=True)
        ]
        return temporal_alignment_error(*views)

    assert error(1.0) < 1
    assert error(2.0) > 2
    assert error(0.5) > 2


def test_views_with_nothing_in_common_have_no_error() -> None:
    depth_m = np.full((10, 16), 2.0, np.float32)
    away = View(depth_m, CAMERA, moved(0, 0, 0, math.pi))
    assert temporal_alignment_error(View(depth_m, CAMERA, np.eye(4)), away) == 0
    nothing = View(np.full((10, 16), np.nan, np.float32), CAMERA, np.eye(4))
    assert temporal_alignment_error(nothing, nothing) == 0
