"""Flying pixels: depth between an object and what is behind it, where there is nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from depth_ros.errors import SettingError
from depth_ros.geometry.depth import inverse_from_depth

# Bicubic interpolation smears and rings over three of the network's pixels: so far to either side.
_REACH = 1.5


def flying(depth_m: Tensor, threshold: float | Tensor = 0.025, radius_px: int = 3) -> Tensor:
    """Find the pixels that interpolation left hanging in the air between two surfaces.

    Inverse depth is linear in the pixel on every plane: it is n . ray / d on n . point = d. In its
    row and in its column, each of a pixel's two sides therefore foretells it: by the line through
    the pixels one and two radii away, or by the nearer of them alone, as on an object that is thin.
    A floor does as both sides say up to its horizon, an object's rim or a corner of the room as one
    of them. A pole may do as neither, but before one surface they agree with each other. A pixel
    flies where, along its row or its column, it disagrees with both and they with each other.

    Args:
        depth_m: (H, W), in any unit. A pixel is not judged along a line that leaves the image or
            meets NaN within two radii; +inf is a surface at infinity.
        threshold: what counts as disagreement, relative to the pixel's inverse depth; a tensor of
            no dimension is taken at its word.
        radius_px: where the surfaces beside a pixel are looked for, in pixels of the image; right
            for an image of twice the network's size, see radius_for.

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
            apart = radius_px * inverse.stride(dim)
            # Wrong where a line goes on in the next row: outside of the inner part.
            flies = torch.zeros_like(mask)
            flies.flatten()[2 * apart : -2 * apart] = _disagree(inverse.flatten(), apart, threshold)
            mask.narrow(dim, 2 * radius_px, inner).logical_or_(
                flies.narrow(dim, 2 * radius_px, inner)
            )
    return mask.logical_and_(inverse > 0)


def radius_for(network: tuple[int, int], image: tuple[int, int]) -> int:
    """Return flying's radius for depth enlarged from the network's (h, w) to the image's (H, W)."""
    enlargement = max(large / small for small, large in zip(network, image, strict=True))
    return max(1, math.ceil(_REACH * enlargement))


def _disagree(values: Tensor, apart: int, threshold: float | Tensor) -> Tensor:
    """Return which of values (N,) differ from all that is foretold of them by more than a share.

    Lines are of five values, each so far apart from the next; what is returned is of the middle
    ones, values[2 * apart : -2 * apart]. Slices of flat memory are what any device reads fastest.
    """
    slope = values[apart:] - values[:-apart]
    bend = slope[apart:] - slope[:-apart]
    least = (bend[2 * apart :] - bend[: -2 * apart]).abs_()  # of what both sides foretell
    # A side's nearer value is a slope away from the middle one, its line a bend.
    slope.abs_()
    bend.abs_()
    for differences, start in ((slope, apart), (slope, 2 * apart), (bend, 0), (bend, 2 * apart)):
        # NaN goes through minimum, and compares false.
        torch.minimum(least, differences[start : start + len(least)], out=least)
    # New memory costs as much as the work in it: slopes are not needed any more.
    limit = torch.mul(values[2 * apart : -2 * apart], threshold, out=slope[: len(least)])
    return least > limit
