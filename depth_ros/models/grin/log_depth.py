"""Depth as the values that are denoised: logarithmic, -1 at d_min and 1 at d_max.

Source: MVGD (arXiv 2501.18804), P = 2 ln(D / d_min) / ln(d_max / d_min) - 1; GRIN's own paper says
that the scale is logarithmic, not how it is mapped.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def encode(depth_m: Tensor, d_min_m: float, d_max_m: float) -> Tensor:
    """Return values (...) of depth [m]; what lies outside the range is brought to its ends."""
    ratio = depth_m.clamp(d_min_m, d_max_m) / d_min_m
    return 2 * torch.log(ratio) / math.log(d_max_m / d_min_m) - 1


def decode(values: Tensor, d_min_m: float, d_max_m: float) -> Tensor:
    """Return depth [m] of values (...)."""
    return d_min_m * torch.exp((values + 1) * (math.log(d_max_m / d_min_m) / 2))


def log_spread(spread: Tensor, d_min_m: float, d_max_m: float) -> Tensor:
    """Return the deviation of ln depth of a deviation of values (...)."""
    return spread * (math.log(d_max_m / d_min_m) / 2)
