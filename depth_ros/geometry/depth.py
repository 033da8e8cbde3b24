"""Depth values: validity, inverse depth, and whole millimetres.

Z-depth in metres is positive, or +inf: beyond range (REP 117). Everything else means no estimate
and is NaN. For inverse depth, 0 and negative values mean beyond range, since noise may turn far
depth negative. NaN stays NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import threshold

from depth_ros.arrays import DepthArray

RIGHT = 1.25
"""Depth within this factor of the truth counts as right: delta1 of Eigen (arXiv 1406.2283)."""

_MM_PER_M = np.float32(1000)
_MOST_MM = 65535


def to_millimetres(depth_m: DepthArray) -> npt.NDArray[np.uint16]:
    """Return depth in whole millimetres (REP 118, 16UC1), in the same shape.

    0 means invalid: NaN, infinity, zero, negative depth, and depth above 65.535 m.
    """
    with np.errstate(over="ignore"):
        mm: npt.NDArray[np.float32] = np.rint(depth_m * _MM_PER_M)
    return np.where((mm > 0) & (mm <= _MOST_MM), mm, 0).astype(np.uint16)


def from_millimetres(depth_mm: npt.NDArray[np.uint16]) -> DepthArray:
    """Return 16UC1 (REP 118) in metres, in the same shape: NaN for 0, invalid."""
    depth_m: DepthArray = np.divide(depth_mm, _MM_PER_M, dtype=np.float32)
    depth_m[depth_mm == 0] = np.nan
    return depth_m


def limit_range(depth_m: Tensor, near_m: float | Tensor, far_m: float | Tensor) -> Tensor:
    """Mark depth outside a range as invalid, in place, and return it.

    NaN (no estimate, REP 117) for values that are not positive, NaN or below near_m; +inf (beyond
    range, REP 117) from far_m on, so that no wall appears at the end of the range. Both ends are
    numbers, or 0-dimensional tensors on the depth's device, which are not copied to the host.
    """
    if isinstance(near_m, Tensor) or isinstance(far_m, Tensor):
        return _limit_range(depth_m, *(_scalar(end, depth_m) for end in (near_m, far_m)))
    # threshold replaces values <= its threshold in one pass, and keeps NaN.
    below_m = float(np.nextafter(np.float32(near_m), np.float32(0)))
    torch.threshold_(depth_m, below_m, torch.nan)
    return torch.threshold_(depth_m.neg_(), -far_m, -torch.inf).neg_()


def _limit_range(depth_m: Tensor, near_m: Tensor, far_m: Tensor) -> Tensor:
    below_m = torch.nextafter(near_m, torch.zeros_like(near_m))
    depth_m.masked_fill_(depth_m <= below_m, torch.nan)
    return depth_m.masked_fill_(depth_m >= far_m, torch.inf)


def _scalar(value: float | Tensor, like: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(like.dtype)
    return torch.full((), value, dtype=like.dtype, device=like.device)


def scaled_depth(
    values: Tensor, scale: float | Tensor, shift: float | Tensor, inverse: bool
) -> Tensor:
    """Return depth [m] of values in the same shape: scale * value + shift, or one over that.

    Args:
        values: any shape.
        scale, shift: in metres, or 1/metres of inverse depth; numbers or 0-dimensional tensors.
        inverse: whether the sum is inverse depth; then +inf for sums that are not positive.
    """
    scaled = values * scale + shift
    return depth_from_inverse(scaled) if inverse else scaled


def inverse_from_depth(depth_m: Tensor) -> Tensor:
    """Return inverse depth [1/m] in the same shape: 0 for +inf, NaN if not positive."""
    return threshold(depth_m, 0, torch.nan).reciprocal_()


def depth_from_inverse(inverse: Tensor) -> Tensor:
    """Return depth [m] of inverse depth [1/m] in the same shape: +inf if not positive."""
    # Not clamp, which may keep -0.0, whose reciprocal is -inf.
    return inverse.masked_fill(inverse <= 0, 0).reciprocal_()
