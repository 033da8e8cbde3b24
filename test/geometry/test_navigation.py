"""Heights, floor, voxels, neighbours and votes, against NumPy's own words for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from depth_ros.geometry import navigation
from depth_ros.geometry.navigation import Ground, Pinhole, View

DOWN = np.array([0.1, 0.9, 0.3]) / np.linalg.norm([0.1, 0.9, 0.3])
GROUND = Ground(torch.tensor(DOWN, dtype=torch.float32), 0.6, 0.02)


def cloud(count: int = 500, seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).uniform((-2, -1, 0.3), (2, 0.5, 4), (count, 3))
    return points.astype(np.float32)


def test_heights_are_those_of_the_plane() -> None:
    points = cloud()
    found = navigation.heights_m(torch.from_numpy(points), GROUND).numpy()
    np.testing.assert_allclose(found, [0.6 - point @ DOWN for point in points], atol=1e-5)


def test_a_height_is_as_uncertain_as_its_ray_and_the_grounds_tilt_make_it() -> None:
    """Against the spread of heights of points whose depth and ground are drawn at random."""
    rng, point, sigma = np.random.default_rng(1), np.array([0.2, 0.3, 2.0]), 0.05
    heights, across = [], np.cross(DOWN, point)
    for _ in range(4000):
        turn = rng.normal(0, 0.02)
        axis = across / np.linalg.norm(across)
        down = DOWN * np.cos(turn) + np.cross(axis, DOWN) * np.sin(turn)
        heights.append(0.6 - np.exp(rng.normal(0, sigma)) * point @ down)
    at = torch.tensor(point, dtype=torch.float32)
    height, distance = navigation.heights_m(at, GROUND), at.norm()
    found = navigation.height_deviation_m(height, distance, torch.tensor(sigma), GROUND)
    assert float(found) == pytest.approx(np.std(heights), rel=0.1)


def test_what_is_settled_is_on_the_floor_and_no_farther_along_it() -> None:
    points = torch.from_numpy(cloud())
    found, heights = navigation.settled(points, GROUND), navigation.heights_m(points, GROUND)
    assert navigation.heights_m(found, GROUND).abs().max() < 1e-5
    over, down = heights > 0, GROUND.down
    moved = found[over] - points[over]
    torch.testing.assert_close(moved, heights[over][:, None] * down, atol=1e-5, rtol=0)
    assert (found[~over].norm(dim=-1) <= points[~over].norm(dim=-1)).all()


def test_what_is_below_the_ground_comes_back_along_its_ray() -> None:
    points = torch.from_numpy(cloud())
    found, heights = navigation.above_floor(points, GROUND), navigation.heights_m(points, GROUND)
    assert torch.equal(found[heights > 1e-6], points[heights > 1e-6])
    assert navigation.heights_m(found, GROUND).min() > -1e-5
    along = torch.nn.functional.cosine_similarity(found, points, dim=-1)
    assert torch.allclose(along, torch.ones_like(along), atol=1e-5)


def test_neighbours_are_counted_among_the_24_pixels_around() -> None:
    rng = np.random.default_rng(2)
    depth = rng.uniform(1, 1.6, (9, 11)).astype(np.float32)
    depth[rng.random(depth.shape) < 0.2] = np.nan
    expected = np.zeros(depth.shape, int)
    for y, x in np.ndindex(*depth.shape):
        for v, u in np.ndindex(*depth.shape):
            if (v, u) != (y, x) and max(abs(v - y), abs(u - x)) <= 2:
                expected[y, x] += abs(depth[v, u] - depth[y, x]) <= 0.15
    found = navigation.neighbours(torch.from_numpy(depth), 0.15)
    np.testing.assert_array_equal(found.numpy(), expected)


def test_a_voxel_gives_the_mean_of_its_points_of_a_kind() -> None:
    points, kinds = cloud(800), np.random.default_rng(3).integers(0, 2, 800)
    points[::7] = np.nan
    groups: dict[tuple[int, ...], list[np.ndarray]] = {}
    for point, kind in zip(points, kinds, strict=True):
        if np.isfinite(point).all():
            groups.setdefault((*np.floor(point / 0.5).astype(int), kind), []).append(point)
    expected = [np.mean(groups[key], axis=0) for key in sorted(groups)]
    means, count = navigation.voxel_means(torch.from_numpy(points), torch.from_numpy(kinds), 0.5)
    assert means.shape == (800, 3)
    assert int(count) == len(expected) < 700
    np.testing.assert_allclose(means[: int(count)].numpy(), expected, atol=1e-5)


def test_thinning_again_changes_nothing() -> None:
    kinds = torch.zeros(500, dtype=torch.int64)
    once, count = navigation.voxel_means(torch.from_numpy(cloud()), kinds, 0.2)
    once = once[: int(count)]
    twice, again = navigation.voxel_means(once, kinds[: int(count)], 0.2)
    assert torch.equal(twice[: int(again)], once)


def test_no_point_gives_no_voxel() -> None:
    nothing = torch.full((4, 3), torch.nan)
    _, count = navigation.voxel_means(nothing, torch.zeros(4, dtype=torch.int64), 0.1)
    assert int(count) == 0


def test_views_vote_for_what_they_see_and_against_what_they_see_through() -> None:
    """A wall at 2 m: points on it, before it, behind it, beside the image and behind the camera."""
    depth = torch.full((10, 20), 2.0)
    depth[:, 10:] = torch.inf
    view = View(depth, torch.full((10, 20), 0.03))
    points = torch.tensor(
        [[-0.5, 0, 2.1], [-0.5, 0, 1.5], [-0.5, 0, 3.0], [0.5, 0, 2.0], [9, 0, 2.0], [0, 0, -2.0]]
    )
    sigma = torch.full((6,), 0.04)
    found = navigation.votes(points, sigma, view, Pinhole(10, 10, 9.5, 4.5), 2.0)
    assert found.agrees.tolist() == [True, False, False, False, False, False]
    assert found.through.tolist() == [False, True, False, True, False, False]
    # 2.1 and 2.0 m are 4.9 % apart, and one deviation is 5 %.
    assert not navigation.votes(points, sigma, view, Pinhole(10, 10, 9.5, 4.5), 0.9).agrees.any()


def test_an_unknown_pixel_votes_for_nothing() -> None:
    view = View(torch.full((4, 4), torch.nan), torch.full((4, 4), torch.nan))
    at = torch.tensor([[0.0, 0, 1]])
    found = navigation.votes(at, torch.tensor([0.1]), view, Pinhole(4, 4, 1.5, 1.5), 2.0)
    assert not found.agrees.any()
    assert not found.through.any()
