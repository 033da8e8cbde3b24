"""Rendered frames: depth against independent geometry, and repeatability."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from depth_ros.geometry.camera import Camera
from depth_ros.training.render import random_frames, render, render_drive
from depth_ros.training.rooms.generator import random_room
from depth_ros.training.rooms.render import render_rooms
from depth_ros.training.scenes import (
    MAX_BOXES,
    MAX_CYLINDERS,
    Pose,
    Robot,
    Scene,
    random_drive,
    random_pose,
    random_scene,
)

CAMERA = Camera(40, 30, 30.0, 31.0, 19.2, 14.1)


def world_points(scene: Scene, pose: Pose, camera: Camera) -> npt.NDArray[np.float64]:
    """Every pixel's point in the world, from rendered depth."""
    depth_m = render([scene], [pose], [camera]).depth_m[0].double().numpy()
    rays = camera.rays().astype(np.float64)
    optical = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * depth_m[..., None]
    transform = pose.world_from_optical()
    return np.asarray(optical @ transform[:3, :3].T + transform[:3, 3])


def distance_to_surface(scene: Scene, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Distance of world points to the nearest surface, by signed distance functions."""
    x, y, z = np.moveaxis(points, -1, 0)
    length, width, height = scene.room_m
    room = np.minimum.reduce(
        [length / 2 - np.abs(x), width / 2 - np.abs(y), z, height - z]  # positive inside
    )
    distances = [np.abs(room)]
    for cx, cy, yaw, half_length, half_width, top in scene.boxes:
        if top > 0:
            u = math.cos(yaw) * (x - cx) + math.sin(yaw) * (y - cy)
            v = math.cos(yaw) * (y - cy) - math.sin(yaw) * (x - cx)
            q = np.stack([np.abs(u) - half_length, np.abs(v) - half_width, np.abs(z) - top])
            outside = np.linalg.norm(np.maximum(q, 0), axis=0)
            distances.append(np.abs(outside + np.minimum(q.max(axis=0), 0)))
    for cx, cy, radius, top in scene.cylinders:
        if top > 0:
            q = np.stack([np.hypot(x - cx, y - cy) - radius, np.abs(z) - top])
            outside = np.linalg.norm(np.maximum(q, 0), axis=0)
            distances.append(np.abs(outside + np.minimum(q.max(axis=0), 0)))
    return np.asarray(np.minimum.reduce(distances))


@pytest.mark.parametrize("seed", range(8))
def test_every_pixel_lies_on_a_surface(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = random_scene(rng)
    pose = random_pose(rng, scene, Robot())
    points = world_points(scene, pose, CAMERA)
    assert distance_to_surface(scene, points).max() < 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_nothing_stands_between_the_camera_and_what_it_sees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = random_scene(rng)
    pose = random_pose(rng, scene, Robot())
    points = world_points(scene, pose, CAMERA)
    eye = pose.world_from_optical()[:3, 3]
    for share in np.linspace(0.02, 0.97, 40):
        between = eye + share * (points - eye)
        assert inside_of_an_object(scene, between).sum() == 0


def inside_of_an_object(scene: Scene, points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    x, y, z = np.moveaxis(points, -1, 0)
    inside = np.zeros(x.shape, bool)
    for cx, cy, yaw, half_length, half_width, top in scene.boxes:
        u = math.cos(yaw) * (x - cx) + math.sin(yaw) * (y - cy)
        v = math.cos(yaw) * (y - cy) - math.sin(yaw) * (x - cx)
        margin = 1e-3
        inside |= (np.abs(u) < half_length - margin) & (np.abs(v) < half_width - margin) & (z < top)
    for cx, cy, radius, top in scene.cylinders:
        inside |= (np.hypot(x - cx, y - cy) < radius - 1e-3) & (z < top)
    return inside


def test_an_empty_room_has_the_depth_of_its_walls() -> None:
    scene = replace(
        random_scene(np.random.default_rng(0)),
        room_m=np.array([8.0, 6.0, 2.5]),
        boxes=np.zeros((MAX_BOXES, 6)),
        cylinders=np.zeros((MAX_CYLINDERS, 4)),
    )
    depth_m = render([scene], [Pose(1.0, 0.0, 0.5, 0.0)], [CAMERA]).depth_m[0]
    v, u = 14, 19  # looks level, straight at the wall 4 m from the origin
    assert float(depth_m[v, u]) == pytest.approx(3.0, abs=1e-5)
    floor_ray = (29 - CAMERA.cy) / CAMERA.fy
    assert float(depth_m[29, u]) == pytest.approx(0.5 / floor_ray, rel=1e-5)


def test_the_same_seed_renders_the_same_frames_and_another_one_others() -> None:
    def frames(seed: int) -> torch.Tensor:
        return random_frames(np.random.default_rng(seed), Robot(), 32, 24, 2)[0].rgb

    assert torch.equal(frames(5), frames(5))
    assert not torch.equal(frames(5), frames(6))


def test_the_rendered_benchmark_stays_what_it_was() -> None:
    # Scores are comparable only while its frames are the same.
    frames, _ = random_frames(np.random.default_rng((20240, 7, 1)), Robot(), 64, 48, 3)
    mean_m = frames.depth_m.double().mean((1, 2)).tolist()
    assert mean_m == pytest.approx([3.23122, 2.66505, 3.56083], abs=1e-4)
    mean = frames.rgb.double().mean((1, 2, 3)).tolist()
    assert mean == pytest.approx([159.665, 167.046, 122.330], abs=0.01)


def test_images_show_their_scene() -> None:
    frames, _ = random_frames(np.random.default_rng(2), Robot(), 64, 48, 8)
    assert frames.rgb.shape == (8, 48, 64, 3)
    assert frames.rgb.dtype == torch.uint8
    assert (frames.rgb.float().flatten(1).std(1) > 8).all(), "a blank picture teaches nothing"
    assert 30 < frames.rgb.float().mean() < 220


@pytest.mark.parametrize("seed", range(6))
def test_a_drive_moves_without_hitting_anything(seed: int) -> None:
    drive = random_drive(np.random.default_rng(seed), Robot(), 32, 24, steps=80)
    ways = [drive.scene.clearance_m(pose.x, pose.y) for pose in drive.poses]
    assert min(ways) > 0.1
    moved_m = sum(
        math.hypot(b.x - a.x, b.y - a.y) for a, b in zip(drive.poses, drive.poses[1:], strict=False)
    )
    turned = sum(abs(b.yaw - a.yaw) for a, b in zip(drive.poses, drive.poses[1:], strict=False))
    assert moved_m > 0.3 or turned > 0.3
    assert (
        max(
            math.hypot(b.x - a.x, b.y - a.y)
            for a, b in zip(drive.poses, drive.poses[1:], strict=False)
        )
        <= 0.05 + 1e-9
    ), "0.5 m/s at 10 Hz"


def test_the_camera_stays_where_the_robot_carries_it() -> None:
    drive = random_drive(np.random.default_rng(1), Robot(), 32, 24, steps=5)
    low, high = Robot().camera_height_m
    assert all(low <= pose.z <= high for pose in drive.poses)
    frames = render_drive(drive, batch=2)
    assert frames.rgb.shape == (5, 24, 32, 3)
    assert frames.depth_m.shape == (5, 24, 32)


@pytest.mark.parametrize("pose", [Pose(1, 2, 0.5, 0.3, 0.1, -0.05), Pose(0, 0, 1, 3.0, -0.2, 0.02)])
def test_a_pose_is_a_rigid_transform_that_looks_ahead(pose: Pose) -> None:
    transform = pose.world_from_optical()
    assert np.allclose(transform[:3, :3] @ transform[:3, :3].T, np.eye(3))
    assert np.linalg.det(transform[:3, :3]) == pytest.approx(1.0)
    ahead, down = transform[:3, 2], transform[:3, 1]
    assert math.atan2(ahead[1], ahead[0]) == pytest.approx(pose.yaw)
    assert math.asin(-ahead[2]) == pytest.approx(pose.pitch_down)
    assert down[2] < -0.9


@pytest.mark.parametrize("furnished", [False, True])
def test_a_fisheye_sees_the_depth_of_a_pinhole_along_the_same_ray(furnished: bool) -> None:
    fisheye = Camera(64, 48, 18.0, 18.0, 31.5, 23.5, "equidistant", (0.0,) * 4)
    rng = np.random.default_rng(3)
    scene = random_scene(rng)
    room = random_room(rng)

    def depth_m(camera: Camera) -> npt.NDArray[np.float32]:
        if furnished:
            return render_rooms([room], [pose], [camera]).depth_m[0].numpy()
        return render([scene], [pose], [camera]).depth_m[0].numpy()

    pose = Pose(0.3, 0.2, 1.5, 0.4, pitch_down=0.2)
    seen, frames = depth_m(fisheye), render([scene], [pose], [fisheye])
    rays = fisheye.rays()
    assert np.array_equal(np.isnan(seen), np.isnan(rays[..., 0]))
    assert not frames.rgb[frames.depth_m.isnan()].any()
    for v, u in ((24, 32), (10, 20), (30, 50), (47, 31), (24, 4)):
        x, y = rays[v, u].tolist()
        single = Camera(1, 1, 1.0, 1.0, -x, -y)  # its only pixel looks along the ray
        assert depth_m(single)[0, 0] == pytest.approx(seen[v, u], rel=1e-3)
