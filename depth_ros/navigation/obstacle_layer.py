"""A 2D obstacle layer: points mark cells, and rays to the points clear cells.

Source: nav2_costmap_2d 1.3.13, obstacle_layer.cpp, costmap_layer.cpp, observation_buffer.cpp.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray
from depth_ros.navigation.cloud import Cloud
from depth_ros.navigation.costmap_parameters import ObstacleParameters, SourceParameters
from depth_ros.navigation.costs import FREE_SPACE, LETHAL_OBSTACLE, NO_INFORMATION
from depth_ros.navigation.raytrace import Bools, visited
from depth_ros.navigation.window import Window, roll

Costs = npt.NDArray[np.uint8]
_INSIDE_M = 0.001  # distance to the window's far edge at which a ray that leaves it ends


class ObstacleLayer:
    """Keeps costs (y, x) of its own: cells that were marked and not cleared yet."""

    def __init__(self, parameters: ObstacleParameters, window: Window, unknown: bool) -> None:
        self._parameters = parameters
        self._window = window
        self._default = NO_INFORMATION if unknown else FREE_SPACE
        self._shape = int(window.size[1]), int(window.size[0])
        self.costs = np.full(self._shape, self._default, np.uint8)

    def roll(self, moved: tuple[int, int]) -> None:
        """Follow the window after it moved by these cells in x and y; new cells are unknown."""
        self.costs = roll(self.costs, moved, self._default)

    def observe(self, cloud: Cloud) -> None:
        """Clear with every clearing source, then mark with every marking source."""
        if not self._parameters.enabled:
            return
        for source in self._parameters.sources:
            if source.clearing:
                self._clear(_within_heights(cloud, source), source)
        for source in self._parameters.sources:
            if source.marking:
                marks = _within_heights(_within_heights(cloud, source), self._parameters)
                self._mark(marks, source)

    def update(self, master: Costs, robot: Bools) -> None:
        """Combine this layer's costs into the costmap's in place; the robot's cells are free."""
        if not self._parameters.enabled:
            return
        if self._parameters.footprint_clearing_enabled:
            self.costs[robot] = FREE_SPACE
        known = self.costs != NO_INFORMATION
        unknown = master == NO_INFORMATION
        more = self.costs > master
        replaced = (known, known & (unknown | more), known & ~unknown & more)
        np.copyto(master, self.costs, where=replaced[self._parameters.combination_method])

    def _mark(self, cloud: Cloud, source: SourceParameters) -> None:
        places = self._window.map_from_world(cloud.points_m[:, :2])
        start = self._window.map_from_world(cloud.origin_m[:2])
        if not self._window.contains(start):
            return
        cells = places.astype(np.int64)
        range_m = np.linalg.norm(cloud.points_m[:, :2] - cloud.origin_m[:2], axis=1)
        # The range in whole cells applies too, as for rays.
        steps = np.hypot(*(cells - start.astype(np.int64)).T).astype(np.int64)
        reached = (
            self._window.contains(places)
            & (range_m >= source.obstacle_min_range)
            & (range_m <= source.obstacle_max_range)
            & (steps >= self._window.cells(source.obstacle_min_range))
            & (steps <= self._window.cells(source.obstacle_max_range))
        )
        x, y = cells[reached].T
        self.costs[y, x] = LETHAL_OBSTACLE

    def _clear(self, cloud: Cloud, source: SourceParameters) -> None:
        start = self._window.map_from_world(cloud.origin_m[:2])
        if not self._window.contains(start):
            return
        ends = self._window.map_from_world(self._cut(cloud))
        ends = np.floor(ends[self._window.contains(ends)])
        self.costs[visited(np.floor(start), ends, self._shape, self._reach(source))] = FREE_SPACE

    def _reach(self, source: SourceParameters) -> tuple[int, int]:
        """Return the minimum and maximum range of rays in cells."""
        return (
            self._window.cells(source.raytrace_min_range),
            self._window.cells(source.raytrace_max_range),
        )

    def _cut(self, cloud: Cloud) -> FloatArray:
        """Return the ends (N, 2) of rays; rays that leave the window are cut at its edge."""
        ends: FloatArray = cloud.points_m[:, :2].copy()
        origin = cloud.origin_m[:2]
        low = self._window.origin_m
        high = low + self._window.size * self._window.resolution
        slope = ends - origin
        for edge, inside, beyond in ((low, low, np.less), (high, high - _INSIDE_M, np.greater)):
            for axis in (0, 1):
                out = beyond(ends[:, axis], edge[axis])
                share = (edge[axis] - origin[axis]) / slope[out, axis]
                ends[out] = origin + slope[out] * share[:, None]
                ends[out, axis] = inside[axis]
        return ends


def _within_heights(cloud: Cloud, allowed: SourceParameters | ObstacleParameters) -> Cloud:
    """Return the points within the range of heights; NaN and infinity are excluded."""
    z = cloud.points_m[:, 2]
    taken = (z >= allowed.min_obstacle_height) & (z <= allowed.max_obstacle_height)
    return cloud._replace(points_m=cloud.points_m[taken])
