"""The window of a costmap: which cell a place of the world lies in, and how it rolls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass
class Window:
    """A grid of square cells along the axes of the global frame (Nav2's Costmap2D).

    Attributes:
        size: (2,) cells along x and y.
        resolution: size of a cell in metres.
        origin_m: (2,) the corner of cell (0, 0); moves by whole cells.
    """

    size: Ints
    resolution: float
    origin_m: Floats

    def map_from_world(self, points_m: Floats) -> Floats:
        """Return the place (..., 2) in cells, with fractions, of places (..., 2) in metres."""
        cells: Floats = (points_m - self.origin_m) / self.resolution
        return cells

    def world_from_map(self, cells: Ints | Floats) -> Floats:
        """Return the middle (..., 2) in metres of cells (..., 2)."""
        middle: Floats = self.origin_m + (np.asarray(cells, np.float64) + 0.5) * self.resolution
        return middle

    def contains(self, cells: Floats) -> npt.NDArray[np.bool_]:
        """Return which places (..., 2) in cells are in the window."""
        inside = (cells >= 0) & (cells < self.size)
        return np.asarray(inside.all(axis=-1))

    def cells(self, distance_m: float) -> int:
        """Return a distance in cells, rounded up."""
        return int(max(0.0, np.ceil(distance_m / self.resolution)))

    def extent_m(self) -> Floats:
        """Return (2,) the size that Nav2 puts the robot in the middle of: half a cell less."""
        return (self.size.astype(np.float64) - 0.5) * self.resolution

    def roll_to(self, robot_m: Floats) -> tuple[int, int]:
        """Put the robot in the middle; return by how many cells the window moved in x and y."""
        moved = (robot_m - self.extent_m() / 2 - self.origin_m) / self.resolution
        x, y = (int(each) for each in moved)  # towards zero
        self.origin_m = self.origin_m + np.array([x, y]) * self.resolution
        return x, y


def roll(grid: npt.NDArray[Any], moved: tuple[int, int], fill: object) -> npt.NDArray[Any]:
    """Return a grid (..., y, x) as seen from a window that moved: what came in is fill."""
    rolled = np.full_like(grid, fill)
    (new_x, old_x), (new_y, old_y) = (
        _overlap(step, length) for step, length in zip(moved, grid.shape[:-3:-1], strict=True)
    )
    rolled[..., new_y, new_x] = grid[..., old_y, old_x]
    return rolled


def _overlap(step: int, length: int) -> tuple[slice, slice]:
    """Return the cells of the new and of the old window that are the same places."""
    step = int(np.clip(step, -length, length))
    kept = length - abs(step)
    new, old = max(-step, 0), max(step, 0)
    return slice(new, new + kept), slice(old, old + kept)
