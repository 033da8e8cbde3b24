"""Clips of any length with a network that processes windows of a fixed length.

Noise belongs to frames, not to windows: frame i has the noise i modulo the window's length. So
frames that two windows share have the same noise in both, and the second window starts from the
result of the first. In the shared frames the latents are blended linearly from one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor


def windows(count: int, window: int, overlap: int) -> list[range]:
    """Return the frames of each window, all of one length; the last one may be shorter."""
    if count <= window:
        return [range(count)]
    starts = range(0, count - overlap, window - overlap)
    return [range(start, min(start + window, count)) for start in starts]


def stitched(
    spans: Sequence[range], solve: Callable[[range, Tensor | None], Tensor]
) -> Iterator[Tensor]:
    """Yield the latents of a clip in order, (n, C, h, w) at a time, as soon as they are final.

    Args:
        spans: of windows().
        solve: returns the latents of a window, given those of the window before for the shared
            frames; None for the first window.
    """
    tail: Tensor | None = None
    for index, span in enumerate(spans):
        latents = solve(span, tail)
        if tail is not None:
            ramp = torch.linspace(0, 1, len(tail), device=tail.device)[:, None, None, None]
            latents = torch.cat([tail.lerp(latents[: len(tail)], ramp), latents[len(tail) :]])
        final = spans[index + 1].start - span.start if index + 1 < len(spans) else len(span)
        yield latents[:final]
        tail = latents[final:]


def euler(
    denoise: Callable[[Tensor, Tensor], Tensor],
    scheduler: Any,
    steps: int,
    noise: Tensor,
    tail: Tensor | None,
) -> Tensor:
    """Sample the latents of one window.

    Args:
        denoise: of scaled noisy latents (T, C, h, w) and a timestep.
        scheduler: diffusers' EulerDiscreteScheduler.
        steps: of the scheduler.
        noise: (T, C, h, w) standard normal.
        tail: (n, C, h, w) latents of the window before for the first n frames, n < T.

    Returns: (T, C, h, w) float32.
    """
    scheduler.set_timesteps(steps)
    latents: Tensor = noise * scheduler.init_noise_sigma
    if tail is not None:
        latents[: len(tail)] = tail + noise[: len(tail)] * scheduler.sigmas[0]
    for timestep in scheduler.timesteps:
        output = denoise(scheduler.scale_model_input(latents, timestep), timestep)
        latents = scheduler.step(output.float(), timestep, latents).prev_sample
    return latents


def rechunked(parts: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """Yield parts (n, ...) again as (size, ...); the last one may be shorter."""
    rest: Tensor | None = None
    for part in parts:
        *whole, rest = (part if rest is None else torch.cat([rest, part])).split(size)
        yield from whole
    if rest is not None:
        yield rest
