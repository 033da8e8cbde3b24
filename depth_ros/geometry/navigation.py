"""Depth to what a robot must not drive into: heights over the ground, floor, voxels, agreement.

Pure functions of tensors on any device. None waits for a device, and none has a shape that depends
on values: what is left out is NaN, or comes behind a count, as in cloud.compacted.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_NEIGHBOURHOOD = 2  # pixels to each side where a point's neighbours are looked for
_PARALLEL = 1e-6
_CELLS, _HALF = 1 << 20, 1 << 19  # voxels along an axis: 52 km of 5 cm
_NO_KEY = torch.iinfo(torch.int64).max


class Ground(NamedTuple):
    """The plane of the ground, seen from a camera; numbers or tensors of no dimension.

    Attributes:
        down: (3,) unit vector to the ground in the camera's optical frame.
        height_m: the optical centre's height.
        tilt_rad: one standard deviation of the angle between down and the truth.
    """

    down: Tensor
    height_m: float | Tensor
    tilt_rad: float | Tensor = 0.0


class View(NamedTuple):
    """Depth as a virtual pinhole saw it from one place, for points to be looked up in it.

    Attributes:
        depth_m: (h, w) z-depth; NaN no estimate, +inf beyond range.
        sigma: (h, w) one standard deviation of ln depth.
    """

    depth_m: Tensor
    sigma: Tensor


class Pinhole(NamedTuple):
    """The intrinsics of a virtual pinhole, in its own pixels."""

    fx: float
    fy: float
    cx: float
    cy: float


def heights_m(points_m: Tensor, ground: Ground) -> Tensor:
    """Return the heights (...) of points (..., 3) over the ground."""
    heights: Tensor = ground.height_m - points_m @ ground.down
    return heights


def height_deviation_m(
    heights: Tensor, distance_m: Tensor, sigma: Tensor, ground: Ground
) -> Tensor:
    """Return one standard deviation of heights (...) over the ground, in metres.

    A factor of exp(d) on a point's depth moves it along its ray, by d times its height below the
    camera in height. A ground that is tilted by t is t times the distance lower or higher.

    Args:
        heights: of the points over the ground.
        distance_m: of the points from the camera.
        sigma: one standard deviation of ln depth.
        ground: height_m and tilt_rad count.
    """
    return torch.hypot(sigma * (ground.height_m - heights), ground.tilt_rad * distance_m)


def settled(points_m: Tensor, ground: Ground) -> Tensor:
    """Return points (..., 3) of what is known to be floor, on the floor.

    What is below the ground comes back along its ray, because the ray did not go on from there;
    what is above it is moved straight down, so that its ray ends no farther away.
    """
    points_m = above_floor(points_m, ground)
    return points_m + heights_m(points_m, ground).clamp_min(0.0)[..., None] * ground.down


def above_floor(points_m: Tensor, ground: Ground) -> Tensor:
    """Return points (..., 3), those below the ground moved back to it along their rays."""
    falls = points_m @ ground.down
    share = torch.where(falls > _PARALLEL, ground.height_m / falls, torch.inf).clamp_max(1.0)
    return points_m * share[..., None]


def neighbours(depth_m: Tensor, radius_m: float) -> Tensor:
    """Return how many of the 24 pixels around each are within a distance of it along the axis.

    The radius outlier filter of point clouds (Rusu and Cousins, "3D is here: Point Cloud Library",
    ICRA 2011) as it is on an image, whose neighbouring pixels are apart in depth or not at all.

    Args:
        depth_m: (H, W) z-depth; NaN is no point, and nobody's neighbour.
        radius_m: the distance.

    Returns:
        uint8 (H, W); 0 for what is no point.
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
            found[top, left] += near  # NaN compares false
            found[bottom, right] += near
    return found


def voxel_means(points_m: Tensor, kinds: Tensor, voxel_m: float) -> tuple[Tensor, Tensor]:
    """Return the mean point of each voxel and kind that has any.

    As PCL's VoxelGrid, with the voxels' corners at whole multiples of their size.

    Args:
        points_m: float32 (N, 3); NaN is no point.
        kinds: int64 (N,) 0 or 1: points of different kinds are not mixed.
        voxel_m: side of a voxel.

    Returns:
        float32 (N, 3), the means first, in the order of the voxels, and their count, an int64
        tensor of no dimension. Rows from there on hold anything.
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
    # What is no point goes to one row behind all others.
    rows = (first.cumsum(0) - 1).masked_fill_(~known, count)
    ordered = torch.cat([points_m, torch.ones_like(points_m[:, :1])], 1)[order]
    sums = ordered.new_zeros(count + 1, 4).index_add_(0, rows, ordered)[:-1]
    return sums[:, :3] / sums[:, 3:], first.sum()


class Votes(NamedTuple):
    """What another view says of points, bool (...): both false where it says nothing.

    Attributes:
        agrees: it saw a surface there.
        through: it saw farther than there, so that nothing was there.
    """

    agrees: Tensor
    through: Tensor


def votes(points_m: Tensor, sigma: Tensor, view: View, pinhole: Pinhole, sigmas: float) -> Votes:
    """Return what another view says of points.

    Args:
        points_m: (..., 3) in the optical frame of the view; NaN is no point.
        sigma: (...) one standard deviation of ln depth of the points.
        view: the other depth.
        pinhole: of the view.
        sigmas: two depths agree when ln of one over the other is within so many deviations.
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
    apart = (seen_m / z).sub_(1)  # ln of it, to first order
    squares = view.sigma.flatten()[index].nan_to_num_(0.0).square_().add_(sigma.square())
    limit = squares.sqrt_().mul_(sigmas)
    return Votes(inside & (apart.abs() <= limit), inside & (apart > limit))
