"""Depth to obstacles: heights above the ground, floor, voxels, agreement of frames.

Pure functions of tensors on any device. None of them synchronises with the device, and no shape
depends on values: excluded points are NaN, or come after a count, as in cloud.compacted.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_NEIGHBOURHOOD = 2  # pixels to each side that are searched for neighbours
_PARALLEL = 1e-6
_CELLS, _HALF = 1 << 20, 1 << 19  # voxels along an axis: 52 km of 5 cm
_NO_KEY = torch.iinfo(torch.int64).max


class Ground(NamedTuple):
    """The ground plane in a camera's frame; floats or 0-dimensional tensors.

    Attributes:
        down: (3,) unit vector towards the ground in the camera's optical frame.
        height_m: height of the optical centre.
        tilt_rad: one standard deviation of the angular error of down.
    """

    down: Tensor
    height_m: float | Tensor
    tilt_rad: float | Tensor = 0.0


class View(NamedTuple):
    """Depth of a virtual pinhole camera from one pose, in which points are looked up.

    Attributes:
        depth_m: (h, w) z-depth; NaN: no estimate, +inf: beyond range.
        sigma: (h, w) one standard deviation of ln depth.
    """

    depth_m: Tensor
    sigma: Tensor


class Pinhole(NamedTuple):
    """The intrinsics of a virtual pinhole camera, in pixels."""

    fx: float
    fy: float
    cx: float
    cy: float


def heights_m(points_m: Tensor, ground: Ground) -> Tensor:
    """Return the heights (...) of points (..., 3) above the ground."""
    heights: Tensor = ground.height_m - points_m @ ground.down
    return heights


def height_deviation_m(
    heights: Tensor, distance_m: Tensor, sigma: Tensor, ground: Ground
) -> Tensor:
    """Return one standard deviation of heights (...) above the ground, in metres.

    A depth error of factor exp(d) moves a point along its ray. Its height changes by d times its
    height below the camera. A ground tilted by t changes the height by t times the distance.

    Args:
        heights: of the points above the ground.
        distance_m: of the points from the camera.
        sigma: one standard deviation of ln depth.
        ground: height_m and tilt_rad are used.
    """
    return torch.hypot(sigma * (ground.height_m - heights), ground.tilt_rad * distance_m)


def settled(points_m: Tensor, ground: Ground) -> Tensor:
    """Return points (..., 3) that are known to be floor, moved onto the floor.

    Points below the ground move back along their rays, because no ray passes through the ground.
    Points above it move straight down, so that the rays do not clear farther than before.
    """
    points_m = above_floor(points_m, ground)
    return points_m + heights_m(points_m, ground).clamp_min(0.0)[..., None] * ground.down


def above_floor(points_m: Tensor, ground: Ground) -> Tensor:
    """Return points (..., 3) after those below the ground moved back to it along their rays."""
    falls = points_m @ ground.down
    share = torch.where(falls > _PARALLEL, ground.height_m / falls, torch.inf).clamp_max(1.0)
    return points_m * share[..., None]


def neighbours(depth_m: Tensor, radius_m: float) -> Tensor:
    """Count the pixels, of the 24 around each pixel, whose z-depth differs by at most radius_m.

    The radius outlier filter of point clouds (Rusu and Cousins, "3D is here: Point Cloud Library",
    ICRA 2011), applied to an image, where neighbouring pixels differ mainly in depth.

    Args:
        depth_m: (H, W) z-depth; NaN: no point, not counted.
        radius_m: maximum difference of z-depth.

    Returns:
        uint8 (H, W); 0 where there is no point.
    """
    height, width = depth_m.shape
    found = torch.zeros(height, width, dtype=torch.uint8, device=depth_m.device)
    for dy in range(_NEIGHBOURHOOD + 1):
        for dx in range(-_NEIGHBOURHOOD, _NEIGHBOURHOOD + 1):
            if (dy, dx) <= (0, 0):  # each pair once
                continue
            top, bottom = slice(0, height - dy), slice(dy, height)
            left, right = (
                slice(max(0, -dx), width - max(0, dx)),
                slice(max(0, dx), width + min(0, dx)),
            )
            near = (depth_m[top, left] - depth_m[bottom, right]).abs_() <= radius_m
            found[top, left] += near  # false for NaN
            found[bottom, right] += near
    return found


def voxel_means(points_m: Tensor, kinds: Tensor, voxel_m: float) -> tuple[Tensor, Tensor]:
    """Return the mean of the points of each kind in each voxel.

    As in PCL's VoxelGrid; the corners of voxels are at integer multiples of their size.

    Args:
        points_m: float32 (N, 3); NaN: no point.
        kinds: int64 (N,) 0 or 1; points of different kinds are not averaged together.
        voxel_m: side of a voxel.

    Returns:
        float32 (N, 3), the means first, in the order of the voxels, and their count, a
        0-dimensional int64 tensor. Rows after the count are undefined.
    """
    count = len(points_m)
    valid = points_m[:, 2] < torch.inf
    cells = points_m.div(voxel_m).floor_().masked_fill_(~valid[:, None], 0).long() + _HALF
    keys = ((cells[:, 0] * _CELLS + cells[:, 1]) * _CELLS + cells[:, 2]) * 2 + kinds
    keys, order = keys.masked_fill_(~valid, _NO_KEY).sort()
    first = torch.ones_like(valid)
    first[1:] = keys[1:] != keys[:-1]
    known = keys < _NO_KEY
    first &= known
    # NaN goes to one row after all others.
    rows = (first.cumsum(0) - 1).masked_fill_(~known, count)
    ordered = torch.cat([points_m, torch.ones_like(points_m[:, :1])], 1)[order]
    sums = ordered.new_zeros(count + 1, 4).index_add_(0, rows, ordered)[:-1]
    return sums[:, :3] / sums[:, 3:], first.sum()


class Votes(NamedTuple):
    """Votes of another view on points, bool (...); both are false where it has no depth.

    Attributes:
        agrees: the view has a surface at the point.
        through: the view's depth is farther, so that the point was free.
    """

    agrees: Tensor
    through: Tensor


def votes(points_m: Tensor, sigma: Tensor, view: View, pinhole: Pinhole, sigmas: float) -> Votes:
    """Return the votes of another view on points.

    Args:
        points_m: (..., 3) in the optical frame of the view; NaN: no point.
        sigma: (...) one standard deviation of ln depth of the points.
        view: the other view.
        pinhole: of the view.
        sigmas: two depths agree if the log of their ratio is within this many deviations.
    """
    x, y, z = points_m.unbind(-1)
    ahead = z > _PARALLEL
    z = torch.where(ahead, z, 1.0)
    height, width = view.depth_m.shape
    column = (x / z * pinhole.fx + pinhole.cx).round_()
    row = (y / z * pinhole.fy + pinhole.cy).round_()
    inside = ahead & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    index = torch.where(inside, row * width + column, 0).long()
    seen_m = view.depth_m.flatten()[index]
    apart = (seen_m / z).sub_(1)  # log of the ratio, to first order
    squares = view.sigma.flatten()[index].nan_to_num_(0.0).square_().add_(sigma.square())
    limit = squares.sqrt_().mul_(sigmas)
    return Votes(inside & (apart.abs() <= limit), inside & (apart > limit))
