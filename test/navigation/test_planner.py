"""Paths over costmaps, by hand and against SciPy's Dijkstra."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from depth_ros.navigation.costs import INSCRIBED_INFLATED_OBSTACLE, LETHAL_OBSTACLE, NO_INFORMATION
from depth_ros.navigation.planner import Cell, Planner, search
from depth_ros.navigation.window import Window

WINDOW = Window(np.array([40, 40]), 0.1, np.array([-2.0, -2.0]))
START, GOAL = np.array([-1.5, 0.0]), np.array([1.5, 0.0])


def floor(cost: int = 0) -> npt.NDArray[np.uint8]:
    return np.full((40, 40), cost, np.uint8)


def length_m(path: npt.NDArray[np.float64]) -> float:
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def test_a_free_floor_is_crossed_straight() -> None:
    path = Planner().plan(floor(), WINDOW, START, GOAL)
    assert path is not None
    assert np.array_equal(path[0], START)
    assert np.array_equal(path[-1], GOAL)
    assert length_m(path) == pytest.approx(3.0, abs=0.15)


def test_a_wall_is_gone_around() -> None:
    costs = floor()
    costs[5:, 20] = LETHAL_OBSTACLE
    path = Planner().plan(costs, WINDOW, START, GOAL)
    assert path is not None
    cells = WINDOW.map_from_world(path).astype(int)
    assert (costs[cells[:, 1], cells[:, 0]] == 0).all()
    assert cells[:, 1].min() < 5


def test_costs_are_worth_a_detour() -> None:
    costs = floor()
    costs[10:30, 18:22] = INSCRIBED_INFLATED_OBSTACLE - 1
    for multiplier, crosses in ((0.0, True), (20.0, False)):
        path = Planner(cost_travel_multiplier=multiplier).plan(costs, WINDOW, START, GOAL)
        assert path is not None
        cells = WINDOW.map_from_world(path).astype(int)
        assert (costs[cells[:, 1], cells[:, 0]] > 0).any() == crosses


def test_there_may_be_no_way() -> None:
    costs = floor()
    costs[:, 20] = INSCRIBED_INFLATED_OBSTACLE
    assert Planner().plan(costs, WINDOW, START, GOAL) is None


def test_what_is_unknown_or_out_of_the_window_counts_as_free() -> None:
    assert Planner().plan(floor(NO_INFORMATION), WINDOW, START, GOAL) is not None
    far = np.array([6.0, -3.5])
    path = Planner().plan(floor(), WINDOW, START, far)
    assert path is not None
    assert np.array_equal(path[-1], far)


def test_a_goal_in_an_obstacle_is_approached_up_to_the_tolerance() -> None:
    costs = floor()
    costs[17:24, 32:39] = LETHAL_OBSTACLE
    path = Planner(tolerance=0.6).plan(costs, WINDOW, START, GOAL)
    assert path is not None
    assert 0 < math.dist(path[-1], GOAL) <= 0.6
    assert Planner(tolerance=0.2).plan(costs, WINDOW, START, GOAL) is None


@pytest.mark.parametrize("seed", range(5))
def test_no_way_is_cheaper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    free, weights = rng.random((12, 15)) > 0.3, 1 + 3 * rng.random((12, 15))
    free[0, 0] = free[11, 14] = True
    cells = search(free, weights, (0, 0), (14, 11))
    best = _dijkstra(free, weights)
    if cells is None:
        assert math.isinf(best)
        return
    assert (cells[0], cells[-1]) == ((0, 0), (14, 11))
    assert _cost(weights, cells) == pytest.approx(best)


def _cost(weights: npt.NDArray[np.float64], cells: list[Cell]) -> float:
    return float(sum(math.dist(a, b) * weights[b[1], b[0]] for a, b in pairwise(cells)))


def _dijkstra(free: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64]) -> float:
    """The cost from the first to the last cell."""
    height, width = free.shape
    edges = [
        (y * width + x, v * width + u, math.dist((x, y), (u, v)) * weights[v, u])
        for y in range(height)
        for x in range(width)
        for v in range(max(y - 1, 0), min(y + 2, height))
        for u in range(max(x - 1, 0), min(x + 2, width))
        if (x, y) != (u, v) and free[y, x] and free[v, u]
    ]
    start, end, cost = zip(*edges, strict=True)
    graph = coo_matrix((cost, (start, end)), shape=(free.size, free.size))
    return float(dijkstra(graph, indices=0)[-1])
