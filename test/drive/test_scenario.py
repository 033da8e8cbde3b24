"""Rooms to drive through, and their true floor."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from depth_ros.drive.floor import clearance_m, outlines
from depth_ros.drive.run import choose
from depth_ros.drive.scenario import OVERHEAD_M, TIDY, scenario
from depth_ros.training.rooms.generator import random_room

RADIUS_M = 0.22


@pytest.fixture(scope="module")
def chosen() -> tuple[list[int], list[int]]:
    scenarios, rejected = choose(4, 0, RADIUS_M)
    return [each.seed for each in scenarios], rejected


def test_every_seed_is_taken_or_rejected(chosen: tuple[list[int], list[int]]) -> None:
    taken, rejected = chosen
    assert len(taken) == 4
    assert sorted(taken + rejected) == list(range(taken[-1] + 1))
    assert all(scenario(seed, RADIUS_M) is None for seed in rejected)


def test_a_scenario_needs_steering_and_can_be_driven(chosen: tuple[list[int], list[int]]) -> None:
    for seed in chosen[0]:
        there = scenario(seed, RADIUS_M)
        again = scenario(seed, RADIUS_M)
        assert there is not None
        assert again is not None
        assert (there.start, there.goal) == (again.start, again.goal)
        start, goal = np.array(there.start[:2]), np.array(there.goal)
        straight = np.linspace(start, goal, 200)
        assert clearance_m(there.room, straight, OVERHEAD_M).min() <= RADIUS_M + 0.01
        below_ceiling = np.full((200, 1), there.room.size_m[2] - 0.05)
        assert there.room.clearance_m(np.hstack([straight, below_ceiling])).min() > 0  # no wall
        assert clearance_m(there.room, start, OVERHEAD_M) > RADIUS_M + 0.1
        assert clearance_m(there.room, goal, OVERHEAD_M) > RADIUS_M + 0.1
        distance_m = math.dist(start, goal)
        assert distance_m <= there.shortest_m + 0.05 <= 1.5 * distance_m + 0.1


@pytest.mark.parametrize("seed", range(3))
def test_clearance_is_that_of_the_outlines(seed: int) -> None:
    room = random_room(np.random.default_rng(seed), TIDY)
    places = (np.random.default_rng(seed).random((50, 2)) - 0.5) * room.size_m[:2]
    found = clearance_m(room, places, OVERHEAD_M)
    polygons = [shape.astype(np.float32) for shape in outlines(room, OVERHEAD_M)]
    for (x, y), clear_m in zip(places.tolist(), found.tolist(), strict=True):
        wall_m = min(room.size_m[0] / 2 - abs(x), room.size_m[1] / 2 - abs(y))
        shapes = (-cv2.pointPolygonTest(shape, (x, y), True) for shape in polygons)
        # A cylinder's outline has corners.
        assert clear_m == pytest.approx(min(wall_m, *shapes), abs=0.01)


def test_what_is_overhead_does_not_count() -> None:
    room = random_room(np.random.default_rng(0), TIDY)
    places = (np.random.default_rng(0).random((200, 2)) - 0.5) * room.size_m[:2]
    low, high = (clearance_m(room, places, top_m) for top_m in (0.3, OVERHEAD_M))
    assert (low >= high).all()
    assert (low > high).any()
