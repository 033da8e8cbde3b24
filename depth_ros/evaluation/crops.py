"""Crops: the rectangles of an image that published protocols score."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from depth_ros.errors import CameraError

Rectangle: TypeAlias = tuple[slice, slice]

_KITTI_HEIGHT, _KITTI_WIDTH = 352, 1216


def nyu_eigen(height: int, width: int) -> Rectangle:
    """Return rows and columns of NYU Depth V2's Eigen crop (Eigen et al. 2014).

    Raises:
        CameraError: the image is not 640x480, the size for which the crop is defined.
    """
    if (width, height) != (640, 480):
        raise CameraError(f"image is {width}x{height}, expected 640x480 for NYU's Eigen crop")
    return slice(45, 471), slice(41, 601)


def kitti_garg(height: int, width: int) -> Rectangle:
    """Return rows and columns of KITTI's Garg crop (Garg et al. 2016)."""
    return _shares(height, width, (0.40810811, 0.99189189), (0.03594771, 0.96405229))


def kitti_eigen(height: int, width: int) -> Rectangle:
    """Return rows and columns of KITTI's Eigen crop (Eigen et al. 2014)."""
    return _shares(height, width, (0.3324324, 0.91351351), (0.0359477, 0.96405229))


def kitti_benchmark(height: int, width: int) -> Rectangle:
    """Return rows and columns of the KITTI benchmark's crop: 1216x352, bottom centre.

    Images are cropped before prediction, as in ZoeDepth's evaluation.

    Raises:
        CameraError: the image is smaller than that.
    """
    top, left = height - _KITTI_HEIGHT, (width - _KITTI_WIDTH) // 2
    if min(top, left) < 0:
        raise CameraError(
            f"image is {width}x{height}, expected at least {_KITTI_WIDTH}x{_KITTI_HEIGHT}"
        )
    return slice(top, height), slice(left, left + _KITTI_WIDTH)


def whole(height: int, width: int) -> Rectangle:
    """Return all rows and columns."""
    return slice(0, height), slice(0, width)


def _shares(
    height: int, width: int, rows: tuple[float, float], columns: tuple[float, float]
) -> Rectangle:
    # Truncated, not rounded, as in all published code.
    top, bottom = (int(share * height) for share in rows)
    left, right = (int(share * width) for share in columns)
    return slice(top, bottom), slice(left, right)


CROPS: dict[str, Callable[[int, int], Rectangle]] = {
    "none": whole,
    "nyu-eigen": nyu_eigen,
    "kitti-garg": kitti_garg,
    "kitti-eigen": kitti_eigen,
}
"""Crops by name."""
