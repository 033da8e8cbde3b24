"""Flying pixels: wrong depth between an object and its background."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from depth_ros.errors import SettingError
from depth_ros.geometry.depth import inverse_from_depth

# Bicubic interpolation blurs and rings over three of the network's pixels: 1.5 to either side.
_REACH = 1.5


def flying(depth_m: Tensor, threshold: float | Tensor = 0.025, radius_px: int = 3) -> Tensor:
    """Find the pixels that interpolation placed between two surfaces, where there is nothing.

    On a plane, inverse depth is linear in the pixel: it is n . ray / d for n . point = d. So a
    pixel's inverse depth can be extrapolated from either side in its row and in its column: by the
    line through the pixels one and two radii away, or, for thin objects, by the nearer of them
    alone. A floor agrees with both sides up to its horizon, an object's rim or a corner of the room
    with one of them. A pole may agree with neither, but in front of one surface the two sides agree
    with each other. A pixel is flying if, along its row or its column, it disagrees with both sides
    and the sides disagree with each other.

    Args:
        depth_m: (H, W), in any unit. A pixel is not tested along a line that leaves the image or
            contains NaN within two radii; +inf is a surface at infinity.
        threshold: minimum disagreement, relative to the pixel's inverse depth; the value of a
            0-dimensional tensor is not checked.
        radius_px: distance [px] of the neighbours that are compared; 3 suits an image of twice the
            network's size, see radius_for.

    Returns:
        bool (H, W); never true for NaN and +inf.

    Raises:
        SettingError: threshold or radius_px is not positive.
    """
    if not isinstance(threshold, Tensor) and not threshold > 0:
        raise SettingError(f"threshold is {threshold}, expected positive")
    if radius_px < 1:
        raise SettingError(f"radius_px is {radius_px}, expected at least 1")
    inverse = inverse_from_depth(depth_m).contiguous()
    mask = torch.zeros_like(inverse, dtype=torch.bool)
    for dim in range(2):
        inner = inverse.shape[dim] - 4 * radius_px
        if inner > 0:
            inside = (dim, 2 * radius_px, inner)
            flies = _flying_along(inverse, dim, radius_px, threshold)
            mask.narrow(*inside).logical_or_(flies.narrow(*inside))
    return mask.logical_and_(inverse > 0)


def radius_for(network: tuple[int, int], image: tuple[int, int]) -> int:
    """Return radius_px for depth enlarged from the network's (h, w) to the image's (H, W)."""
    enlargement = max(large / small for small, large in zip(network, image, strict=True))
    return max(1, math.ceil(_REACH * enlargement))


def _flying_along(inverse: Tensor, dim: int, radius_px: int, threshold: float | Tensor) -> Tensor:
    """Return which pixels (H, W) fly along a dimension; valid two radii inside of its ends."""
    apart = radius_px * inverse.stride(dim)
    # Lines that continue in the next row are wrong, but outside the inner part.
    flies = torch.zeros_like(inverse, dtype=torch.bool)
    flies.flatten()[2 * apart : -2 * apart] = _disagree(inverse.flatten(), apart, threshold)
    return flies


def _disagree(values: Tensor, apart: int, threshold: float | Tensor) -> Tensor:
    """Return which values (N,) differ from all extrapolations by more than a relative threshold.

    Lines have five values at equal distances; the result is for the middle ones,
    values[2 * apart : -2 * apart]. Slices of flat memory are fast on every device.
    """
    slope = values[apart:] - values[:-apart]
    bend = slope[apart:] - slope[:-apart]
    # The least of: the difference of both sides' extrapolations, and the four differences below.
    least = (bend[2 * apart :] - bend[: -2 * apart]).abs_()
    # A slope is the difference to a side's nearer value, a bend that to its line.
    slope.abs_()
    bend.abs_()
    for differences, start in ((slope, apart), (slope, 2 * apart), (bend, 0), (bend, 2 * apart)):
        # minimum keeps NaN, which compares false.
        torch.minimum(least, differences[start : start + len(least)], out=least)
    # Reuse memory: slopes are not needed any more.
    limit = torch.mul(values[2 * apart : -2 * apart], threshold, out=slope[: len(least)])
    return least > limit
