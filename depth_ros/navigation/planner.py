"""Path planning on a costmap by A*, with the costs of Nav2's SmacPlanner2D."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray
from depth_ros.navigation.costs import (
    INSCRIBED_INFLATED_OBSTACLE,
    MAX_NON_OBSTACLE,
    NO_INFORMATION,
)
from depth_ros.navigation.obstacle_layer import Costs
from depth_ros.navigation.window import Window

Cell = tuple[int, int]
_NEIGHBOURS = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y]
_DIAGONAL = math.sqrt(2)


@dataclass(frozen=True)
class Planner:
    """Plans a path of the robot's centre; unknown cells count as free.

    Attributes:
        cost_travel_multiplier: additional metres for each metre at the highest cost.
        tolerance: maximum distance from the path's end to a goal that is not free [m].
    """

    cost_travel_multiplier: float = 3.0
    tolerance: float = 0.5

    def plan(
        self, costs: Costs, window: Window, start_m: FloatArray, goal_m: FloatArray
    ) -> FloatArray | None:
        """Return a path (N, 2) in metres from the start to the goal; None: there is no path.

        Args:
            costs: (y, x) of the window.
            window: of the costs; everything outside counts as free.
            start_m, goal_m: (2,) in the global frame.
        """
        costs, window = _including(costs, window, np.stack([start_m, goal_m]))
        free = (costs < INSCRIBED_INFLATED_OBSTACLE) | (costs == NO_INFORMATION)
        reach = self.tolerance / window.resolution
        start, goal = (_nearest(free, window.map_from_world(at), reach) for at in (start_m, goal_m))
        if start is None or goal is None:
            return None
        weights = np.where(costs == NO_INFORMATION, 0, costs) / MAX_NON_OBSTACLE
        cells = search(free, 1 + self.cost_travel_multiplier * weights, start, goal)
        if cells is None:
            return None
        path = window.world_from_map(np.array(cells))
        path[0] = start_m
        if math.dist(path[-1], goal_m) < window.resolution:
            path[-1] = goal_m
        return path


def valid(path_m: FloatArray, pose: tuple[float, float], costs: Costs, window: Window) -> bool:
    """Whether the rest of a path (N, 2) from a position on is free, as in Nav2's IsPathValid.

    The cell below the robot is ignored.
    """
    away_m = np.hypot(*(path_m - pose).T)
    left = path_m[int(away_m.argmin()) :]
    left = left[np.hypot(*(left - pose).T) > window.resolution]
    places = window.map_from_world(left)
    cells = places[window.contains(places)].astype(np.int64)
    there = costs[cells[:, 1], cells[:, 0]]
    return not ((there >= INSCRIBED_INFLATED_OBSTACLE) & (there != NO_INFORMATION)).any()


def _including(costs: Costs, window: Window, places_m: FloatArray) -> tuple[Costs, Window]:
    """Return costs and window padded with free cells, so that all positions (N, 2) lie inside."""
    cells = np.floor(window.map_from_world(places_m)).astype(np.int64)
    before = np.maximum(-cells.min(axis=0), 0)
    after = np.maximum(cells.max(axis=0) - window.size + 1, 0)
    (left, low), (right, high) = before.tolist(), after.tolist()
    wider = np.pad(costs, ((low, high), (left, right)))
    origin_m = window.origin_m - before * window.resolution
    return wider, Window(window.size + before + after, window.resolution, origin_m)


def _nearest(free: npt.NDArray[np.bool_], place: FloatArray, reach: float) -> Cell | None:
    """Return the free cell (x, y) nearest to a position, within reach; all in cells."""
    y, x = free.nonzero()
    if not len(x):
        return None
    distances = np.hypot(x + 0.5 - place[0], y + 0.5 - place[1])
    nearest = int(distances.argmin())
    if distances[nearest] > reach:
        return None
    return int(x[nearest]), int(y[nearest])


def search(
    free: npt.NDArray[np.bool_], weights: FloatArray, start: Cell, goal: Cell
) -> list[Cell] | None:
    """Return the cheapest path (x, y) over free cells, in 8 directions; None: there is no path.

    Source: Hart, Nilsson, Raphael, "A formal basis for the heuristic determination of minimum cost
    paths" (1968). A step costs its length times the weight (y, x) of the next cell, at least 1.
    """
    # With a border of cells that are not free, no check for the grid's edges is needed.
    open_ = np.pad(free, 1).ravel().tolist()
    weight = np.pad(weights, 1).ravel().tolist()
    width = free.shape[1] + 2
    steps = [(y * width + x, _DIAGONAL if x and y else 1.0) for x, y in _NEIGHBOURS]
    first, last = ((y + 1) * width + x + 1 for x, y in (start, goal))
    goal_y, goal_x = divmod(last, width)
    best, came = {first: 0.0}, {first: first}
    queue = [(0.0, first)]
    done: set[int] = set()
    while queue:
        _, cell = heapq.heappop(queue)
        if cell == last:
            return _traced(came, cell, width)
        if cell in done:
            continue
        done.add(cell)
        cost = best[cell]
        for step, length in steps:
            other = cell + step
            if not open_[other]:
                continue
            there = cost + length * weight[other]
            if there < best.get(other, math.inf):
                best[other], came[other] = there, cell
                y, x = divmod(other, width)
                dx, dy = abs(x - goal_x), abs(y - goal_y)
                left = max(dx, dy) + (_DIAGONAL - 1) * min(dx, dy)
                heapq.heappush(queue, (there + left, other))
    return None


def _traced(came: dict[int, int], cell: int, width: int) -> list[Cell]:
    cells = [cell]
    while came[cell] != cell:
        cell = came[cell]
        cells.append(cell)
    return [(cell % width - 1, cell // width - 1) for cell in reversed(cells)]
