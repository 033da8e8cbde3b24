"""Rooms to drive through, each with a start, a goal, and furniture between them."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray
from depth_ros.drive.floor import clearance_m
from depth_ros.navigation.footprint import RobotPose
from depth_ros.navigation.planner import Cell, search
from depth_ros.training.rooms.generator import random_room
from depth_ros.training.rooms.richness import Richness
from depth_ros.training.rooms.room import Room

OVERHEAD_M = 1.8
"""Objects that begin below this are obstacles: the costmap's max_obstacle_height."""
# No small objects on the floor: config/nav2/costmap.yaml marks nothing below 0.1 m.
TIDY = Richness(clutter=False)
_CELL_M = 0.05
_WIDTH_M = 0.75  # minimum of all passages on the path: a narrow door
_START_M = 0.3  # free space around the robot at the start
_DISTANCE_M = (3.0, 6.0)  # straight-line distance from start to goal
_DETOUR = 1.5  # maximum path length, relative to the straight line
_TRIES = 300


class Scenario(NamedTuple):
    """A room with start and goal.

    Attributes:
        seed: of the room.
        room: the world; z is up from the floor.
        start: x, y [m] and yaw [rad], towards the goal.
        goal: x, y [m].
        shortest_m: length of the shortest path.
    """

    seed: int
    room: Room
    start: RobotPose
    goal: tuple[float, float]
    shortest_m: float


class _Floor(NamedTuple):
    """Cells (y, x) of the floor: centres (y, x, 2), clearance, and the connected free area."""

    middles_m: FloatArray
    clearance_m: FloatArray
    free: npt.NDArray[np.bool_]


def scenario(seed: int, radius_m: float) -> Scenario | None:
    """Return the scenario of a seed for a robot's radius; None: no suitable start and goal.

    The goal can be reached through passages of at least 0.75 m. Furniture, but no wall, blocks the
    straight line to it, and the shortest path is at most 1.5 times as long as that line. Start and
    goal are the first random pair that meets these conditions.
    """
    room = random_room(np.random.default_rng(seed), TIDY)
    floor = _floor(room, max(radius_m, _WIDTH_M / 2))
    y, x = floor.free.nonzero()
    roomy = floor.free & (floor.clearance_m > radius_m + _START_M)
    start_y, start_x = roomy.nonzero()
    if not len(start_x):
        return None
    rng = np.random.default_rng(seed)
    for _ in range(_TRIES):
        first, last = rng.integers(len(start_x)), rng.integers(len(x))
        start, goal = (int(start_x[first]), int(start_y[first])), (int(x[last]), int(y[last]))
        if (way_m := _way_m(room, floor, (start, goal), radius_m)) is not None:
            start_m, goal_m = (floor.middles_m[cell[::-1]] for cell in (start, goal))
            yaw = math.atan2(goal_m[1] - start_m[1], goal_m[0] - start_m[0])
            pose = float(start_m[0]), float(start_m[1]), yaw
            return Scenario(seed, room, pose, (float(goal_m[0]), float(goal_m[1])), way_m)
    return None


def _floor(room: Room, wanted_m: float) -> _Floor:
    """Return the room's floor; free is the largest connected area with the wanted clearance."""
    across, along = (
        np.arange(0, size, _CELL_M) + _CELL_M / 2 - size / 2 for size in room.size_m[:2]
    )
    middles_m = np.stack(np.meshgrid(across, along), axis=-1)
    clear_m = clearance_m(room, middles_m, OVERHEAD_M)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (clear_m > wanted_m).astype(np.uint8), connectivity=4
    )
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()) if count > 1 else -1
    return _Floor(middles_m, clear_m, labels == largest)


def _is_walled(room: Room, start_m: FloatArray, goal_m: FloatArray) -> bool:
    """Whether a wall, which reaches up to the ceiling, stands between two positions."""
    below_ceiling = np.array([*start_m, room.size_m[2] - _CELL_M])
    reach, _ = room.first(below_ceiling, np.array([*(goal_m - start_m), 0.0]))
    return bool(reach < 1)


def _way_m(room: Room, floor: _Floor, ends: tuple[Cell, Cell], radius_m: float) -> float | None:
    """Return the length of the shortest path between two cells; None if they are not suitable."""
    start, goal = (floor.middles_m[cell[::-1]] for cell in ends)
    distance_m = math.dist(start, goal)
    if not _DISTANCE_M[0] <= distance_m <= _DISTANCE_M[1]:
        return None
    straight = np.linspace(start, goal, math.ceil(distance_m / _CELL_M))
    if clearance_m(room, straight, OVERHEAD_M).min() > radius_m or _is_walled(room, start, goal):
        return None
    cells = search(floor.free, np.ones(floor.free.shape), *ends)
    if cells is None:
        return None
    way_m = float(np.hypot(*np.diff(np.array(cells), axis=0).T).sum()) * _CELL_M
    return way_m if way_m <= _DETOUR * distance_m else None
