"""The rolling window of a costmap, and conversion between positions and cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray

Ints = npt.NDArray[np.int64]


@dataclass
class Window:
    """A grid of square cells along the axes of the global frame (Nav2's Costmap2D).

    Attributes:
        size: (2,) cells along x and y.
        resolution: size of a cell in metres.
        origin_m: (2,) the corner of cell (0, 0); it moves by whole cells.
    """

    size: Ints
    resolution: float
    origin_m: FloatArray

    def map_from_world(self, points_m: FloatArray) -> FloatArray:
        """Convert positions (..., 2) from metres to cells, with fractions."""
        cells: FloatArray = (points_m - self.origin_m) / self.resolution
        return cells

    def world_from_map(self, cells: Ints | FloatArray) -> FloatArray:
        """Return the centres (..., 2) of cells (..., 2), in metres."""
        middle: FloatArray = self.origin_m + (np.asarray(cells, np.float64) + 0.5) * self.resolution
        return middle

    def contains(self, cells: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which positions (..., 2), in cells, are in the window."""
        inside = (cells >= 0) & (cells < self.size)
        return np.asarray(inside.all(axis=-1))

    def cells(self, distance_m: float) -> int:
        """Return a distance in cells, rounded up."""
        return int(max(0.0, np.ceil(distance_m / self.resolution)))

    def extent_m(self) -> FloatArray:
        """Return the size (2,) in which Nav2 centres the robot: half a cell less."""
        return (self.size.astype(np.float64) - 0.5) * self.resolution

    def roll_to(self, robot_m: FloatArray) -> tuple[int, int]:
        """Centre the window on the robot; return its motion in cells along x and y."""
        moved = (robot_m - self.extent_m() / 2 - self.origin_m) / self.resolution
        x, y = (int(each) for each in moved)  # rounds towards zero
        self.origin_m = self.origin_m + np.array([x, y]) * self.resolution
        return x, y


def roll(grid: npt.NDArray[Any], moved: tuple[int, int], fill: object) -> npt.NDArray[Any]:
    """Return a grid (..., y, x) shifted with the window; new cells have the value fill."""
    rolled = np.full_like(grid, fill)
    (new_x, old_x), (new_y, old_y) = (
        _overlap(step, length) for step, length in zip(moved, grid.shape[:-3:-1], strict=True)
    )
    rolled[..., new_y, new_x] = grid[..., old_y, old_x]
    return rolled


def _overlap(step: int, length: int) -> tuple[slice, slice]:
    """Return the cells of the new and the old window that overlap."""
    step = int(np.clip(step, -length, length))
    kept = length - abs(step)
    new, old = max(-step, 0), max(step, 0)
    return slice(new, new + kept), slice(old, old + kept)
