"""Depth as numbers: which values are valid, and whole millimetres."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_MM_PER_M = np.float32(1000)
_MOST_MM = 65535


def to_millimetres(depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Return depth in whole millimetres, as REP 118's 16UC1 has it, in the same shape.

    0 means invalid: NaN, infinity, zero, negative depth, and what does not fit 65.535 m.
    """
    with np.errstate(over="ignore"):
        mm: npt.NDArray[np.float32] = np.rint(depth_m * _MM_PER_M)
    return np.where((mm > 0) & (mm <= _MOST_MM), mm, 0).astype(np.uint16)


def from_millimetres(depth_mm: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Return REP 118's 16UC1 in metres, in the same shape: NaN where it is 0, invalid."""
    depth_m: npt.NDArray[np.float32] = np.divide(depth_mm, _MM_PER_M, dtype=np.float32)
    depth_m[depth_mm == 0] = np.nan
    return depth_m


def limit_range(depth_m: Tensor, near_m: float, far_m: float) -> Tensor:
    """Mark depth outside of a range as invalid, in place, and return it.

    NaN (no estimate, REP 117) for what is not positive, not finite or nearer than near_m; +inf
    (beyond range, REP 117) from far_m on, so that range never ends in a wall.
    """
    # Negated so that NaN, which compares false, is caught too.
    no_estimate = ~(depth_m >= near_m) | (depth_m <= 0)
    return depth_m.masked_fill_(depth_m >= far_m, torch.inf).masked_fill_(no_estimate, torch.nan)
