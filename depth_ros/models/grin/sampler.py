"""From noise to clean values in a few deterministic steps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from depth_ros.models.grin import schedule

Denoise = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]
"""Noisy values, gamma (one number) and the latents of the step before to v and new latents."""


def times(steps: int, start: float = 1.0, warp: float = 1.0) -> Tensor:
    """Return the steps + 1 times from start to 0: equal parts of 1, raised to the power of warp.

    A larger warp uses more of the steps where little noise is left, as in EDM
    (arXiv 2206.00364, equation 5).
    """
    return start * torch.linspace(1.0, 0.0, steps + 1) ** warp


def ddim(
    denoise: Denoise,
    x: Tensor,
    gammas: Tensor,
    latents: Tensor | None = None,
    limit: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Return the clean values sampled from noisy ones, and the last latents.

    Args:
        denoise: the network.
        x: (...) values at the first noise level.
        gammas: (steps + 1,) noise levels, descending in noise; the network is not run for the last.
        latents: for the first step; None: none.
        limit: clean values are clamped to plus and minus this.

    Source: DDIM (arXiv 2010.02502), without added noise. Clean values are kept within limits and
    the noise that remains is recomputed from them, as RIN's code does.
    """
    for gamma, next_gamma in pairwise(gammas.unbind()):
        v, latents = denoise(x, gamma, latents)
        x0 = schedule.clean(x, v, gamma).clamp(-limit, limit)
        x = schedule.add_noise(x0, schedule.noise(x, x0, gamma), next_gamma)
    if latents is None:
        raise ValueError(f"gammas has {len(gammas)} noise levels, expected 2 or more")
    return x0, latents
