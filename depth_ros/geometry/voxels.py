"""One mean point for each voxel, as in PCL's VoxelGrid, in torch, on the device of the points."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from depth_ros.geometry.navigation import Points

_CELLS = 1 << 20  # voxels along an axis: 52 km of 5 cm
_NO_KEY = torch.iinfo(torch.int64).max
_DIGIT = 16  # bits
_EXACT = 1 << 24  # whole numbers up to here are exact in float32, whose arithmetic is faster
_KINDS = 2


class _Groups(NamedTuple):
    """Points by voxel.

    Attributes:
        rows: int64 (N,), the row of each point's voxel; size - 1 for what is not kept.
        size: number of rows.
        voxels: 0-dimensional int64, their number; they have the first rows.
    """

    rows: Tensor
    size: int
    voxels: Tensor


def voxel_means(
    points_m: Points, kept: Tensor, kinds: Tensor, voxel_m: float
) -> tuple[Tensor, Tensor]:
    """Return the mean of the points of each kind in each voxel.

    The corners of voxels are at integer multiples of their size. On the host the work is that of
    the kept points; on a device nothing synchronises.

    Args:
        points_m: float32 (N,) each.
        kept: bool (N,), the points that count; their coordinates are finite.
        kinds: bool (N,); points of different kinds are not averaged together.
        voxel_m: side of a voxel.

    Returns:
        float32 (M, 3), the means first, in the order of the voxels, and their count, a
        0-dimensional int64 tensor. Rows after the count are undefined.
    """
    if kept.device.type == "cpu":
        chosen = kept.nonzero()[:, 0]
        points_m = points_m.index_select(chosen)
        groups = _groups_on_host(_cells(points_m, voxel_m), kinds.index_select(0, chosen))
    else:
        groups = _groups(_cells(points_m, voxel_m), kinds, kept)
    sums = points_m.x.new_zeros(4, groups.size)
    for total, plane in zip(sums, (*points_m, torch.ones_like(points_m.x)), strict=True):
        total.scatter_add_(0, groups.rows, plane)
    return (sums[:3] / sums[3]).T.contiguous(), groups.voxels


def _cells(points_m: Points, voxel_m: float) -> list[Tensor]:
    """Return the whole numbers of the points' voxels along x, y and z."""
    return [plane.div(voxel_m).floor_() for plane in points_m]


def _groups(cells: list[Tensor], kinds: Tensor, kept: Tensor) -> _Groups:
    """Group points without synchronisation; those that are not kept have the last row."""
    cells = [each.long() for each in cells]
    keys = _keys(cells, [-_CELLS // 2] * 3, [_CELLS] * 3, kinds)
    keys, order = keys.masked_fill_(~kept, _NO_KEY).sort(stable=True)
    known = keys < _NO_KEY
    ranks = _ranks(keys).masked_fill_(~known, len(keys))
    count = (ranks + 1).masked_fill_(~known, 0).amax(0)
    return _Groups(torch.empty_like(ranks).scatter_(0, order, ranks), len(keys) + 1, count)


def _groups_on_host(cells: list[Tensor], kinds: Tensor) -> _Groups:
    """Group points in host memory, where the extent of their voxels is known."""
    if not len(kinds):
        return _Groups(torch.empty(0, dtype=torch.int64), 0, torch.tensor(0))
    ends = [each.aminmax() for each in cells]
    first = [int(end.min) for end in ends]
    sizes = [int(end.max) - low + 1 for end, low in zip(ends, first, strict=True)]
    end = math.prod(sizes) * _KINDS
    if end > _EXACT:
        cells = [each.long() for each in cells]
    keys = _keys(cells, first, sizes, kinds)
    keys = keys.int() if end <= _EXACT else keys
    order = _radix_order(keys, end)
    ranks = _ranks(keys.index_select(0, order))
    size = int(ranks[-1]) + 1
    return _Groups(torch.empty_like(ranks).scatter_(0, order, ranks), size, torch.tensor(size))


def _keys(cells: list[Tensor], first: list[int], sizes: list[int], kinds: Tensor) -> Tensor:
    """Return whole numbers (N,) in the order of the voxels: by x, then y, z and kind."""
    x, y, z = (each.sub_(low) for each, low in zip(cells, first, strict=True))
    return x.mul_(sizes[1]).add_(y).mul_(sizes[2]).add_(z).mul_(_KINDS).add_(kinds)


def _ranks(ordered: Tensor) -> Tensor:
    """Return the number of different keys (N,) before each one; equal keys are neighbours."""
    changes = torch.zeros_like(ordered, dtype=torch.bool)
    changes[1:] = ordered[1:] != ordered[:-1]
    return changes.cumsum(0)


def _radix_order(keys: Tensor, end: int) -> Tensor:
    """Return what sorts keys (N,), 0 to end - 1, keeping the order of equal ones.

    NumPy sorts 16-bit numbers by radix, several times faster than torch compares 64-bit ones.
    """
    numbers = keys.numpy()
    order = np.argsort(numbers.astype(np.uint16), kind="stable")  # the lowest digit
    for shift in range(_DIGIT, (end - 1).bit_length(), _DIGIT):
        digits = (numbers >> shift).astype(np.uint16)
        order = order[np.argsort(digits[order], kind="stable")]
    return torch.from_numpy(order)
