"""Heights, floor, neighbours and votes, against NumPy's own words for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from depth_ros.geometry import navigation
from depth_ros.geometry.navigation import Ground, Pinhole, Points, View

DOWN = np.array([0.1, 0.9, 0.3]) / np.linalg.norm([0.1, 0.9, 0.3])
GROUND = Ground((float(DOWN[0]), float(DOWN[1]), float(DOWN[2])), 0.6, 0.02)


def cloud(count: int = 500, seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).uniform((-2, -1, 0.3), (2, 0.5, 4), (count, 3))
    return points.astype(np.float32)


def planes(points: np.ndarray) -> Points:
    return Points(*torch.from_numpy(points.T.copy()))


def test_heights_are_those_of_the_plane() -> None:
    points = cloud()
    found = navigation.heights_m(planes(points), GROUND).numpy()
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
    height, distance = navigation.heights_m(Points(*at), GROUND), at.norm()
    found = navigation.height_deviation_m(height, distance, torch.tensor(sigma), GROUND)
    assert float(found) == pytest.approx(np.std(heights), rel=0.1)


def test_what_is_settled_is_on_the_floor_straight_below() -> None:
    points = navigation.above_floor(planes(cloud()), GROUND)
    floor = torch.arange(500) % 3 > 0
    found, heights = torch.stack(navigation.settled(points, floor, GROUND)), torch.stack(points)
    assert navigation.heights_m(Points(*found), GROUND)[floor].abs().max() < 1e-5
    down = torch.tensor(DOWN, dtype=torch.float32)[:, None]
    expected = navigation.heights_m(points, GROUND)[floor] * down
    torch.testing.assert_close((found - heights)[:, floor], expected, atol=1e-5, rtol=0)
    assert torch.equal(found[:, ~floor], heights[:, ~floor])


def test_what_is_below_the_ground_comes_back_along_its_ray() -> None:
    points = planes(cloud())
    heights, found = navigation.heights_m(points, GROUND), navigation.above_floor(points, GROUND)
    before, after = torch.stack(points), torch.stack(found)
    assert torch.equal(after[:, heights > 1e-6], before[:, heights > 1e-6])
    assert navigation.heights_m(found, GROUND).min() > -1e-5
    along = torch.nn.functional.cosine_similarity(after, before, dim=0)
    assert torch.allclose(along, torch.ones_like(along), atol=1e-5)
    assert (after.norm(dim=0) <= before.norm(dim=0)).all()


def test_points_are_moved_by_each_pose() -> None:
    points, poses = cloud(), np.random.default_rng(4).normal(size=(3, 3, 4)).astype(np.float32)
    found = torch.stack(planes(points).moved(torch.from_numpy(poses)), -1)
    expected = [points @ pose[:, :3].T + pose[:, 3] for pose in poses]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


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


def test_views_vote_for_what_they_see_and_against_what_they_see_through() -> None:
    """A wall at 2 m: points on it, before it, behind it, beside the image and behind the camera."""
    depth = torch.full((10, 20), 2.0)
    depth[:, 10:] = torch.inf
    view = View(depth, torch.full((10, 20), 0.03))
    seen, beyond, beside = [[-0.5, 0, 2.1], [-0.5, 0, 1.5], [-0.5, 0, 3]], [0.5, 0, 2], [9, 0, 2]
    points = np.array([*seen, beyond, beside, [0, 0, -2], [np.nan] * 3], np.float32)
    sigma, pinhole = torch.full((7,), 0.04), Pinhole(10, 10, 9.5, 4.5)
    found = navigation.votes(in_views(points), sigma, [view], pinhole, 2.0)
    assert found.agrees[0].tolist() == [True] + [False] * 6
    assert found.through[0].tolist() == [False, True, False, True, False, False, False]
    assert found.looks[0].tolist() == [True] * 4 + [False] * 3
    # 2.1 and 2.0 m are 4.9 % apart, and one deviation is 5 %.
    assert not navigation.votes(in_views(points), sigma, [view], pinhole, 0.9).agrees.any()


def test_each_view_votes_for_itself() -> None:
    """On points of random walls, as if each view were alone."""
    rng, pinhole, sigma = (
        np.random.default_rng(5),
        Pinhole(10, 10, 9.5, 4.5),
        torch.full((90,), 0.1),
    )
    views = [View(*torch.from_numpy(rng.uniform(1, 3, (2, 10, 20)))) for _ in range(3)]
    points = [rng.uniform((-2, -1, 1), (2, 1, 3), (90, 3)) for _ in views]
    found = navigation.votes(in_views(*points), sigma, views, pinhole, 0.1)
    alone = [
        navigation.votes(in_views(each), sigma, [view], pinhole, 0.1)
        for each, view in zip(points, views, strict=True)
    ]
    for together, apart in zip(found, zip(*alone, strict=True), strict=True):
        assert torch.equal(together, torch.cat(apart))
    assert found.agrees.any(1).all()
    assert found.through.any(1).all()


def in_views(*points: np.ndarray) -> Points:
    """Points (N, 3) in the frame of each view."""
    return Points(*(torch.stack(plane) for plane in zip(*map(planes, points), strict=True)))


def test_an_unknown_pixel_votes_for_nothing() -> None:
    view = View(torch.full((4, 4), torch.nan), torch.full((4, 4), torch.nan))
    at = in_views(np.array([[0.0, 0, 1]], np.float32))
    found = navigation.votes(at, torch.tensor([0.1]), [view], Pinhole(4, 4, 1.5, 1.5), 2.0)
    assert not any(vote.any() for vote in found)
