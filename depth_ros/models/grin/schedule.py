"""Noise schedules, and conversions between noisy values, clean values, noise and v.

At time t, from 0 (clean) to 1 (noise), x_t = sqrt(gamma) x0 + sqrt(1 - gamma) eps. From
v = sqrt(gamma) eps - sqrt(1 - gamma) x0 (Salimans and Ho, arXiv 2202.00512), which the network
predicts, both x0 and eps follow at every noise level.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from depth_ros.errors import ModelError

_LEAST = 1e-9


def sigmoid(t: Tensor) -> Tensor:
    """Return gamma at times t (...). Source: Jabri et al., RIN (arXiv 2212.11972)."""
    low, high = (1 / (1 + math.exp(-x)) for x in (-3, 3))
    gamma = (high - torch.sigmoid(t * 6 - 3)) / (high - low)
    return gamma.clamp(_LEAST, 1.0)


def cosine(t: Tensor) -> Tensor:
    """Return gamma at times t (...). Source: Chen (arXiv 2301.10972)."""
    return torch.cos(t * math.pi / 2).clamp(min=0).square().clamp(_LEAST, 1.0)


def linear(t: Tensor) -> Tensor:
    """Return gamma at times t (...): 1 - t."""
    return (1 - t).clamp(_LEAST, 1.0)


SCHEDULES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": sigmoid,
    "cosine": cosine,
    "linear": linear,
}
"""All schedules by name."""


def find(name: str) -> Callable[[Tensor], Tensor]:
    """Return a schedule by name.

    Raises:
        ModelError: the name is unknown.
    """
    if name not in SCHEDULES:
        raise ModelError(f"schedule is '{name}', expected one of {', '.join(SCHEDULES)}")
    return SCHEDULES[name]


def add_noise(x0: Tensor, eps: Tensor, gamma: Tensor) -> Tensor:
    """Return x_t. All arguments broadcast."""
    return gamma.sqrt() * x0 + (1 - gamma).sqrt() * eps


def velocity(x0: Tensor, eps: Tensor, gamma: Tensor) -> Tensor:
    """Return v of clean values and noise."""
    return gamma.sqrt() * eps - (1 - gamma).sqrt() * x0


def clean(x_t: Tensor, v: Tensor, gamma: Tensor) -> Tensor:
    """Return x0 of noisy values and v."""
    return gamma.sqrt() * x_t - (1 - gamma).sqrt() * v


def noise(x_t: Tensor, x0: Tensor, gamma: Tensor) -> Tensor:
    """Return eps of noisy and clean values, for gamma below 1."""
    return (x_t - gamma.sqrt() * x0) / (1 - gamma).sqrt()
