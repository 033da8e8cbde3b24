"""From the spread of samples to the probability that depth is correct."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from depth_ros.geometry.depth import RIGHT


def within(log_spread: Tensor) -> Tensor:
    """Return the probability (...) that depth is within a factor of RIGHT of the truth.

    The natural log of depth is assumed to be normal about its estimate, with a deviation (...).
    """
    return torch.erf(math.log(RIGHT) / (math.sqrt(2) * log_spread))
