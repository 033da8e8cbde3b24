"""Anchors: geometry against SciPy and plain loops, and relative depth of rendered drives."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError
from depth_ros.evaluation.metrics import score
from depth_ros.geometry.camera import Camera
from depth_ros.scale.anchors import (
    OPTICAL_FROM_BODY,
    Anchors,
    align,
    from_depth,
    from_points,
    points_from_scan,
    pose_matrix,
    prompt,
    sample,
    transform,
)
from depth_ros.training.render import render, render_drive
from depth_ros.training.scenes import Drive, Pose, Robot, Scene, random_drive

KINDS = ["metric_depth", "affine_depth", "affine_inverse_depth"]
CAMERAS = [
    Camera(40, 30, 33.0, 35.0, 18.7, 14.1),
    Camera(40, 30, 33.0, 35.0, 18.7, 14.1, "plumb_bob", (-0.2, 0.05, 0.001, -0.002, 0.0)),
    Camera(40, 30, 17.0, 17.0, 19.5, 14.5, "equidistant", (0.01, -0.002, 0.0, 0.0)),
]
CAMERA = CAMERAS[0]


def random_anchors(rng: np.random.Generator, count: int, camera: Camera = CAMERA) -> Anchors:
    size = (camera.width, camera.height)
    return Anchors(rng.uniform(-0.5, np.subtract(size, 0.5), (count, 2)), rng.uniform(1, 5, count))


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.lens)
def test_points_of_a_depth_image_are_anchors_at_their_own_pixels(camera: Camera) -> None:
    depth_m = np.random.default_rng(1).uniform(0.5, 8, (30, 40))
    anchors = from_points(from_depth(depth_m, camera), camera)
    v, u = np.indices(depth_m.shape).reshape(2, -1)
    assert anchors.pixels == pytest.approx(np.stack([u, v], axis=1), abs=1e-3)
    assert anchors.depth_m == pytest.approx(depth_m.ravel())


def test_a_point_that_the_camera_cannot_see_is_no_anchor() -> None:
    seen = [0.1, 0.2, 2.0]
    unseen = [
        [0.1, 0.2, -2.0],
        [0.1, 0.2, 0.0],
        [9.0, 0.2, 2.0],
        [-9.0, 0.2, 2.0],
        [0.1, 9.0, 2.0],
        [0.1, -9.0, 2.0],
        [np.nan, 0.2, 2.0],
        [0.1, 0.2, np.inf],
        [-np.inf, 0.2, 2.0],
    ]
    anchors = from_points([*unseen, seen], CAMERA)
    assert anchors.pixels == pytest.approx(CAMERA.project([seen]))
    assert anchors.depth_m == pytest.approx([2.0])


def test_an_image_ends_half_a_pixel_beyond_its_outermost_centres() -> None:
    u = np.array([-0.51, -0.49, 39.49, 39.51])
    x = (u - CAMERA.cx) / CAMERA.fx
    anchors = from_points(np.stack([x, 0 * x, 0 * x + 1], axis=1), CAMERA)
    assert anchors.pixels[:, 0] == pytest.approx([-0.49, 39.49])
    assert sample(torch.arange(1200.0).reshape(30, 40), anchors).tolist() == [560, 599]


def test_no_points_are_no_anchors() -> None:
    anchors = from_points(np.empty((0, 3)), CAMERA)
    assert anchors.pixels.shape == (0, 2)
    assert anchors.depth_m.shape == (0,)
    assert sample(torch.ones(30, 40), anchors).shape == (0,)


def test_a_scan_is_points_x_ahead_and_y_left() -> None:
    points = points_from_scan([1.0, 2.0, 3.0], -math.pi / 2, math.pi / 2, 0.1, 10.0)
    assert points == pytest.approx(np.array([[0, -1, 0], [2, 0, 0], [0, 3, 0]]), abs=1e-12)


def test_what_a_scan_did_not_measure_is_no_point() -> None:
    ranges = np.array([np.nan, np.inf, -np.inf, 0.0, 0.05, 0.1, 10.0, 10.1, -1.0], np.float32)
    points = points_from_scan(ranges, 0.3, 0.01, 0.09, 10.0)
    angle = np.arctan2(points[:, 1], points[:, 0])
    assert np.linalg.norm(points, axis=1) == pytest.approx([0.1, 10.0])
    assert angle == pytest.approx([0.35, 0.36])


@pytest.mark.parametrize("most", [1, 7, 100, 1199, 1200, 5000])
def test_the_number_of_points_of_a_depth_image_is_limited(most: int) -> None:
    points = from_depth(np.ones((30, 40)), CAMERA, most)
    assert min(most, 1200) / 4 < len(points) <= most


def test_pixels_without_depth_or_ray_are_no_points() -> None:
    depth_m = np.ones((30, 40))
    depth_m.flat[:5] = [np.nan, np.inf, -np.inf, 0, -1]
    assert len(from_depth(depth_m, CAMERA)) == 1200 - 5
    fisheye = Camera(40, 30, 8.0, 8.0, 19.5, 14.5, "equidistant", (0.0, 0.0, 0.0, 0.0))
    points = from_depth(np.ones((30, 40)), fisheye)
    assert len(points) < 1200
    assert np.isfinite(points).all()


@pytest.mark.parametrize("sparse", [20, 300, 2000])
def test_every_valid_pixel_of_a_sparse_depth_image_counts(sparse: int) -> None:
    camera = Camera(640, 480, 500.0, 500.0, 319.5, 239.5)
    rng = np.random.default_rng(1)
    depth_m = np.full((480, 640), np.nan)
    where = rng.choice(depth_m.size, sparse, replace=False)
    depth_m.flat[where] = rng.uniform(1, 5, sparse)
    points = from_depth(depth_m, camera)
    assert sorted(points[:, 2]) == pytest.approx(sorted(depth_m.flat[where]))
    assert len(from_points(points, camera, 2000).depth_m) == sparse


def test_of_a_dense_depth_image_all_parts_and_depths_count() -> None:
    camera = Camera(640, 480, 500.0, 500.0, 319.5, 239.5)
    depth_m = np.ones((480, 640))
    depth_m[:, 600:] = 3.0  # a sixteenth
    depth_m[:100, :300] = 0  # nothing there
    depth_m[5:9, 5:25] = 8.0  # but this
    anchors = from_points(from_depth(depth_m, camera), camera)
    assert 1000 < len(anchors.depth_m) <= 2000
    u, v = (anchors.pixels / 80 + 1e-3).astype(int).T
    cells = np.bincount(u * 6 + v, minlength=48).reshape(8, 6)
    assert np.all(cells[:, 3:] > 15)
    assert np.sum(anchors.depth_m > 2.9) > 150
    assert np.sum(anchors.depth_m > 7.9) >= 4


def test_points_behind_the_camera_do_not_thin_those_in_front() -> None:
    rng = np.random.default_rng(1)
    seen = np.array([0.0, 0.0, 3.0]) + rng.uniform(-0.5, 0.5, (200, 3))
    around = rng.uniform(-50, 50, (300_000, 3)) * (1, 1, -1) - (0, 0, 50.1)
    beside = rng.uniform(5, 50, (50_000, 3)) * (10, 1, 1)
    points = np.concatenate([around, seen, beside, np.full((100_000, 3), np.nan)])
    assert len(from_points(points, CAMERA, 2000).depth_m) == 200


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.lens)
def test_no_point_of_the_image_is_thinned_away_at_its_edges(camera: Camera) -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform((-4, -4, 1), (4, 4, 4), (1500, 3))
    every = from_points(points, camera)
    pixels = camera.project(points)
    inside = ((pixels >= -0.5) & (pixels < (39.5, 29.5))).all(axis=1)
    assert len(every.depth_m) == inside.sum() > 50
    assert from_points(points, camera, 1500).pixels.tolist() == every.pixels.tolist()


def test_a_poor_networks_scale_is_not_biased() -> None:
    rng = np.random.default_rng(1)
    depth_m = rng.uniform(1, 5, (30, 40))
    values = torch.from_numpy(depth_m * np.exp(rng.normal(0, 0.45, depth_m.shape)) / 2)
    fit = align(values, "metric_depth", from_points(from_depth(depth_m, CAMERA), CAMERA))
    assert fit.scale == pytest.approx(2, rel=0.04)


def test_a_depth_image_that_is_not_its_cameras_is_refused() -> None:
    with pytest.raises(ScaleError, match=r"\(40, 30\), expected \(30, 40\)"):
        from_depth(np.ones((40, 30)), CAMERA)
    with pytest.raises(ScaleError, match="maximum number of points is 0"):
        from_depth(np.ones((30, 40)), CAMERA, 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_pose_turns_about_fixed_axes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    position, angles, points = rng.normal(size=3), rng.uniform(-3, 3, 3), rng.normal(size=(7, 3))
    x, y, z = position
    roll, pitch, yaw = angles
    expected = Rotation.from_euler("xyz", angles).apply(points) + position  # lower case: fixed axes
    moved = transform(points, pose_matrix(x, y, z, roll, pitch, yaw))
    assert moved == pytest.approx(expected)


def test_a_body_looks_along_its_x_axis() -> None:
    ahead, left, up = transform(np.eye(3), OPTICAL_FROM_BODY)
    assert ahead.tolist() == [0, 0, 1]
    assert left.tolist() == [-1, 0, 0]
    assert up.tolist() == [0, -1, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_values_are_taken_at_the_nearest_pixel(dtype: torch.dtype) -> None:
    values = torch.arange(1200, dtype=dtype).reshape(30, 40)
    anchors = random_anchors(np.random.default_rng(1), 50)
    got = sample(values, anchors)
    assert got.dtype == np.float64
    for (u, v), value in zip(anchors.pixels, got, strict=True):
        assert value == values[round(v), round(u)]


def test_anchors_of_another_image_are_refused() -> None:
    anchors = Anchors(np.array([[3.0, 2.0], [31.0, 2.0]]), np.ones(2))
    with pytest.raises(ScaleError, match=r"\(31, 2\), expected inside of 30x40"):
        sample(torch.ones(40, 30), anchors)


@pytest.mark.parametrize("kind", KINDS)
def test_a_relative_prediction_is_aligned_in_its_own_domain(kind: str) -> None:
    rng = np.random.default_rng(1)
    depth_m = rng.uniform(0.5, 8, (30, 40))
    target = 1 / depth_m if kind == "affine_inverse_depth" else depth_m
    shift = 0.0 if kind == "metric_depth" else 0.2
    values = torch.from_numpy((target - shift) / 3)
    values[:5] = torch.nan
    values[5:7] = torch.inf
    occluded = depth_m.copy()
    occluded[::3] += 2.0
    fit = align(values, kind, from_points(from_depth(occluded, CAMERA), CAMERA))
    assert (fit.scale, fit.shift) == pytest.approx((3, shift), rel=1e-4)
    assert fit.inliers == pytest.approx(2 / 3, abs=0.05)


def test_near_and_far_anchors_count_by_their_relative_errors() -> None:
    rng = np.random.default_rng(1)
    depth_m = np.geomspace(0.5, 50, 1200).reshape(30, 40)
    errors = []
    for _ in range(40):
        values = torch.from_numpy(depth_m * (1 + rng.normal(0, 0.1, depth_m.shape)) / 2)
        fit = align(values, "metric_depth", from_points(from_depth(depth_m, CAMERA), CAMERA))
        errors.append(fit.scale / 2 - 1)
    assert np.std(errors) < 1.3 * 0.1 / math.sqrt(1200)


def test_what_cannot_be_aligned_is_refused() -> None:
    anchors = random_anchors(np.random.default_rng(1), 100)
    few = Anchors(anchors.pixels[:4], anchors.depth_m[:4])
    with pytest.raises(ScaleError, match="'disparity', expected one of: metric_depth, affine"):
        align(torch.ones(30, 40), "disparity", anchors)
    with pytest.raises(ScaleError, match="4 samples"):
        align(torch.ones(30, 40), "metric_depth", few)
    with pytest.raises(ScaleError, match="0 samples"):
        align(torch.full((30, 40), torch.nan), "metric_depth", anchors)
    with pytest.raises(ScaleError, match="values that differ"):
        align(torch.ones(30, 40), "affine_depth", anchors)


@pytest.mark.parametrize("count", [1, 5, 60, 3000])
def test_a_prompt_holds_the_nearest_anchor_everywhere(count: int) -> None:
    height, width = 12, 17
    anchors = random_anchors(np.random.default_rng(count), count)
    dense = prompt(anchors, height, width, CAMERA)
    assert dense.dtype == np.float32
    assert dense.shape == (height, width)

    grid: dict[tuple[int, int], float] = {}
    for (u, v), depth_m in zip(anchors.pixels, anchors.depth_m, strict=True):
        cell = int((v + 0.5) * height / 30), int((u + 0.5) * width / 40)
        grid[cell] = min(depth_m, grid.get(cell, math.inf))
    filled = np.array(list(grid))
    everywhere = np.indices((height, width)).reshape(2, -1).T
    away = cdist(everywhere, filled)
    for (row, column), distances in zip(everywhere, away, strict=True):
        # OpenCV's distances are within 2 % of Euclid's.
        near = filled[distances <= distances.min() * 1.02]
        near_m = [np.float32(grid[v, u]) for v, u in near.tolist()]
        assert dense[row, column] in near_m


def test_a_prompt_without_any_anchor_is_refused() -> None:
    with pytest.raises(ScaleError, match="no anchor"):
        prompt(Anchors(np.empty((0, 2)), np.empty(0)), 12, 17, CAMERA)


def scan_anchors(
    scene: Scene, pose: Pose, camera: Camera, rng: np.random.Generator, height_m: float
) -> Anchors:
    """What a level lidar of 64 rays, 0.1 m ahead of the camera, sees of a scene, within 1 cm."""
    rays = 64
    step = math.radians(camera.fov_deg[0]) / rays
    # One row of an equidistant camera, whose pixels are equal angles, left to right.
    row = Camera(rays, 1, 1 / step, 1 / step, (rays - 1) / 2, 0.0, "equidistant", (0.0,) * 4)
    x, y = pose.x + 0.1 * math.cos(pose.yaw), pose.y + 0.1 * math.sin(pose.yaw)
    lidar = Pose(x, y, height_m, pose.yaw)
    depth_m = render([scene], [lidar], [row]).depth_m[0, 0].double().numpy()
    ranges = (depth_m * np.hypot(1, row.rays()[0, :, 0]))[::-1] + rng.normal(0, 0.01, rays)
    points = points_from_scan(ranges, -step * (rays - 1) / 2, step, 0.1, 12.0)
    world_from_lidar = pose_matrix(x, y, height_m, 0.0, 0.0, pose.yaw)
    optical_from_world = np.linalg.inv(pose.world_from_optical())
    return from_points(transform(points, optical_from_world @ world_from_lidar), camera)


def noise(rng: np.random.Generator, height: int, width: int) -> FloatArray:
    """Factors with 2 % of smooth and 2 % of white noise."""
    coarse = torch.from_numpy(rng.normal(0, 0.02, (1, 1, 4, 5)))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0, 0]
    return 1 + smooth.numpy() + rng.normal(0, 0.02, (height, width))


@pytest.fixture(scope="module")
def drives() -> list[tuple[Drive, FloatArray]]:
    """Twelve drives of three frames, one second apart, with the truth (3, H, W)."""
    out = []
    for seed in range(12):
        drive = random_drive(np.random.default_rng((7, seed)), Robot(), 160, 120, 30)
        drive = replace(drive, poses=drive.poses[::10])
        out.append((drive, render_drive(drive).depth_m.double().numpy()))
    return out


@pytest.mark.parametrize("height_m", [0.25, 0.7], ids=["below the camera", "above the camera"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_planar_lidar_makes_relative_depth_metric(
    kind: str, height_m: float, drives: list[tuple[Drive, FloatArray]]
) -> None:
    inverse, rng, errors = kind == "affine_inverse_depth", np.random.default_rng(1), []
    for drive, truth_m in drives:
        for pose, depth_m in zip(drive.poses, truth_m, strict=True):
            target = (1 / depth_m if inverse else depth_m) * noise(rng, *depth_m.shape)
            shift = 0 if kind == "metric_depth" else rng.uniform(-0.5, 0.5) * np.median(target)
            values = (target - shift) / math.exp(rng.uniform(math.log(0.1), math.log(10)))
            anchors = scan_anchors(drive.scene, pose, drive.camera, rng, height_m)
            try:
                fit = align(torch.from_numpy(values), kind, anchors)
            except ScaleError:  # a wall ahead and nothing else: all rays are of one depth
                errors.append(math.inf)
                continue
            found = fit.scale * values + fit.shift
            found_m = 1 / np.maximum(found, 0.05) if inverse else found
            errors.append(score(found_m, depth_m).abs_rel)
    assert len(errors) == 36
    assert np.median(errors) <= 0.03
    assert np.mean(np.array(errors) > 0.1) <= 0.1
