"""Lines of cells through a grid (Bresenham), many at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def visited(
    start: FloatArray, ends: FloatArray, shape: tuple[int, ...], reach: tuple[int, int]
) -> Bools:
    """Return a mask of the cells on the lines from one position to many.

    The cells are those of Nav2's raytraceLine (Costmap2D and VoxelGrid): Bresenham's line from the
    cell at the minimum range to the cell of the end, cut at the maximum range.

    Args:
        start: (D,) in cells, with fractions, inside the grid.
        ends: (N, D) in cells, with fractions.
        shape: the grid's size, in reverse order of the axes of a position: (y, x) or (z, y, x).
        reach: minimum and maximum range in cells.
    """
    shortest, longest = reach
    distances = np.linalg.norm(ends - start, axis=1)
    ends, distances = (each[distances.astype(int) >= shortest] for each in (ends, distances))
    unit = (ends - start) / np.where(distances > 0, distances, 1.0)[:, None]
    starts = (start + shortest * unit).astype(np.int64)
    deltas = ends.astype(np.int64) - starts
    scale = np.minimum(1.0, longest / np.where(distances > 0, distances, 1.0))
    lengths = (scale * np.abs(deltas).max(axis=1, initial=0)).astype(np.int64)
    return _lines(starts, deltas, lengths, shape)


def _lines(starts: Ints, deltas: Ints, lengths: Ints, shape: tuple[int, ...]) -> Bools:
    """Mark the first length + 1 cells of each line from start to start + delta."""
    strides = np.cumprod([1, *shape[:0:-1]])
    size = int(np.prod(shape))
    firsts, lasts = starts @ strides, (starts + deltas) @ strides
    # Many points of a cloud share a cell: one line is enough for all of them.
    _, one = np.unique((firsts * size + lasts) * (max(shape) + 1) + lengths, return_index=True)
    one = one[np.argsort(-lengths[one])]  # longest first: unfinished lines stay at the front
    cells, lengths, sides = firsts[one], lengths[one], np.abs(deltas[one]).T
    strides_taken = np.sign(deltas[one]).T * strides[:, None]
    most = sides.max(axis=0, initial=0)
    errors = np.tile(most // 2, (len(strides), 1))
    marks = np.zeros(size, np.bool_)
    marks[cells] = True
    for step in range(1, lengths.max(initial=0) + 1):
        on = np.searchsorted(-lengths, -step, side="right")
        errors[:, :on] += sides[:, :on]
        full = errors[:, :on] >= most[:on]
        errors[:, :on] -= full * most[:on]
        cells[:on] += (full * strides_taken[:, :on]).sum(axis=0)
        marks[cells[:on]] = True
    return marks.reshape(shape)
