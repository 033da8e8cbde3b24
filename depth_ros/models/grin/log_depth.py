"""The denoised values: logarithmic depth, -1 at d_min and 1 at d_max.

Source: MVGD (arXiv 2501.18804), P = 2 ln(D / d_min) / ln(d_max / d_min) - 1. GRIN's paper specifies
a logarithmic scale, but not the mapping.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def encode(depth_m: Tensor, d_min_m: float, d_max_m: float) -> Tensor:
    """Return values (...) of depth [m], which is clamped to the range."""
    ratio = depth_m.clamp(d_min_m, d_max_m) / d_min_m
    return 2 * torch.log(ratio) / math.log(d_max_m / d_min_m) - 1


def decode(values: Tensor, d_min_m: float, d_max_m: float) -> Tensor:
    """Return depth [m] of values (...)."""
    return d_min_m * torch.exp((values + 1) * (math.log(d_max_m / d_min_m) / 2))


def log_spread(spread: Tensor, d_min_m: float, d_max_m: float) -> Tensor:
    """Return the deviation of ln depth for a deviation of values (...)."""
    return spread * (math.log(d_max_m / d_min_m) / 2)
