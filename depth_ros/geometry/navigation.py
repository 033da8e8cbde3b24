"""Depth to obstacles: heights above the ground, floor, isolated points, agreement of frames.

Pure functions of tensors on any device. None of them synchronises with the device, and no shape
depends on values: excluded points are NaN. Points are three planes, which are faster to read than
points one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

_NEIGHBOURHOOD = 2  # pixels to each side that are searched for neighbours
_PARALLEL = 1e-6


class Points(NamedTuple):
    """Points in metres: their coordinates, tensors of one shape."""

    x: Tensor
    y: Tensor
    z: Tensor

    def moved(self, poses: Tensor) -> Points:
        """Return points (N,) after each of several rigid transforms, (F, N).

        Args:
            poses: (F, 3, 4) matrices, on the points' device.
        """
        rows = poses.transpose(0, 1).reshape(-1, 4)
        moved = torch.addmm(rows[:, 3:], rows[:, :3], torch.stack(self))
        return Points(*moved.view(3, len(poses), -1).unbind(0))

    def flatten(self) -> Points:
        """Return them in one dimension."""
        return Points(*(plane.flatten() for plane in self))

    def index_select(self, index: Tensor) -> Points:
        """Return those of points (N,) that an index names."""
        return Points(*(plane.index_select(0, index) for plane in self))


class Ground(NamedTuple):
    """The ground plane in a camera's frame.

    Attributes:
        down: unit vector towards the ground in the camera's optical frame.
        height_m: height of the optical centre.
        tilt_rad: one standard deviation of the angular error of down.
    """

    down: tuple[float, float, float]
    height_m: float
    tilt_rad: float = 0.0


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


def heights_m(points_m: Points, ground: Ground) -> Tensor:
    """Return the heights of points above the ground, in the shape of their coordinates."""
    return _weighted(points_m, ground.down).neg_().add_(ground.height_m)


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
    along = (ground.height_m - heights).mul_(sigma).square_()
    return along.add_((distance_m * ground.tilt_rad).square_()).sqrt_()


def settled(points_m: Points, floor: Tensor, ground: Ground) -> Points:
    """Return points after those of the floor moved straight down onto it.

    The rays of points above the floor do not clear farther than before.

    Args:
        points_m: none of them below the ground, see above_floor.
        floor: bool, the points that are known to be floor.
        ground: the plane.
    """
    falls_m = heights_m(points_m, ground).clamp_min_(0.0).mul_(floor)
    planes = zip(points_m, ground.down, strict=True)
    return Points(*(torch.add(plane, falls_m, alpha=each) for plane, each in planes))


def above_floor(points_m: Points, ground: Ground) -> Points:
    """Return points after those below the ground moved back to it along their rays.

    No ray passes through the ground.
    """
    falls_m = _weighted(points_m, ground.down).clamp_min_(_PARALLEL)
    share = falls_m.reciprocal_().mul_(ground.height_m).clamp_max_(1.0)
    return Points(*(plane * share for plane in points_m))


def _weighted(points_m: Points, weights: Sequence[float]) -> Tensor:
    """Return the sum of the coordinates, each times its weight."""
    x, y, z = points_m
    return (x * weights[0]).add_(y, alpha=weights[1]).add_(z, alpha=weights[2])


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
    # In flat memory a neighbour is at a constant distance; the border keeps rows apart.
    flat = pad(depth_m, (0, _NEIGHBOURHOOD), value=torch.nan).flatten()
    found = torch.zeros_like(flat, dtype=torch.uint8)
    for apart in _distances(width + _NEIGHBOURHOOD):
        differences = (flat[apart:] - flat[:-apart]).abs_()
        near = (differences <= radius_m).view(torch.uint8)  # 0 for NaN
        found[:-apart].add_(near)
        found[apart:].add_(near)
    return found.view(height, -1)[:, :width]


def _distances(width: int) -> list[int]:
    """Return how far half of the neighbours are from a pixel in flat memory: each pair once."""
    reach = range(-_NEIGHBOURHOOD, _NEIGHBOURHOOD + 1)
    return [dy * width + dx for dy in reach for dx in reach if (dy, dx) > (0, 0)]


class Votes(NamedTuple):
    """Votes of other views on points, bool (F, N).

    Attributes:
        looks: the view has depth in the point's direction; otherwise the others are false.
        agrees: the view has a surface at the point.
        through: the view's depth is farther, so that the point was free.
    """

    looks: Tensor
    agrees: Tensor
    through: Tensor


def votes(
    points_m: Points, sigma: Tensor, views: Sequence[View], pinhole: Pinhole, sigmas: float
) -> Votes:
    """Return the votes of other views on points.

    Args:
        points_m: (F, N) each, in the optical frames of the views; NaN: no point.
        sigma: (N,) one standard deviation of ln depth of the points.
        views: F other views of one size.
        pinhole: of the views.
        sigmas: two depths agree if the log of their ratio is within this many deviations.
    """
    height, width = views[0].depth_m.shape
    z = points_m.z.clamp_min(_PARALLEL)
    column = (points_m.x / z).mul_(pinhole.fx).add_(pinhole.cx).round_()
    row = (points_m.y / z).mul_(pinhole.fy).add_(pinhole.cy).round_()
    near_column, near_row = column.clamp(0, width - 1), row.clamp(0, height - 1)
    inside = (near_column == column) & (near_row == row) & (points_m.z > _PARALLEL)
    index = near_row.mul_(width).add_(near_column).long().clamp_(0, height * width - 1)  # NaN too
    seen_m = _seen([view.depth_m for view in views], index)
    looks = inside.logical_and_(seen_m > 0)  # false for NaN
    squares = _seen([view.sigma for view in views], index).nan_to_num_(0.0).square_()
    apart = seen_m.div_(z).sub_(1)  # log of the ratio, to first order
    limit = squares.add_(sigma.square()).sqrt_().mul_(sigmas)
    through = looks & (apart > limit)
    return Votes(looks, looks & (apart.abs_() <= limit), through)


def _seen(planes: Sequence[Tensor], index: Tensor) -> Tensor:
    """Return the values (F, N) of planes (h, w) at the pixels (F, N) with these numbers."""
    pairs = zip(planes, index, strict=True)
    return torch.stack([plane.flatten().index_select(0, pixels) for plane, pixels in pairs])
