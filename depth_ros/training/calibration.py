"""Calibration of a GRIN's confidence: the ratio of its errors to the spread of its samples."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from depth_ros.geometry.depth import RIGHT
from depth_ros.models.grin import log_depth, noise, schedule
from depth_ros.models.grin.confidence import within
from depth_ros.models.grin.network import Grin
from depth_ros.models.grin.sampler import ddim, times
from depth_ros.training.denoising import choose, condition, labelled, positions
from depth_ros.training.frames import Batch

_PIXELS = 2048
_SAMPLES = 5
_HALVINGS = 40


@torch.inference_mode()
def spread_gain(network: Grin, batches: Iterable[Batch], seed: int = 0) -> float:
    """Return the factor on the spread for which mean confidence is the share of right pixels.

    Right means within a factor of 1.25 of the truth, see models.grin.confidence.

    Args:
        network: a trained network.
        batches: frames with depth, on its device.
        seed: of noise and pixels.
    """
    generator = torch.Generator().manual_seed(seed)
    pairs = [_errors_and_spreads(network, batch, generator) for batch in batches]
    errors, spreads = (torch.cat(part) for part in zip(*pairs, strict=True))
    share = float((errors < math.log(RIGHT)).float().mean())
    low, high = 1e-3, 1e3
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        # A larger gain means less confidence.
        overconfident = float(within(spreads * middle).mean()) > share
        low, high = (middle, high) if overconfident else (low, middle)
    return math.sqrt(low * high)


def _errors_and_spreads(
    network: Grin, batch: Batch, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return |ln depth - ln truth| and the samples' standard deviation of ln depth, per pixel."""
    config = network.config
    ends = (config.d_min_m, config.d_max_m)
    chosen = choose(labelled(batch), _PIXELS, 1, generator)
    truth = log_depth.encode(batch.depth_m.flatten(1).gather(1, chosen), *ends)
    local, scene = (
        part.repeat_interleave(_SAMPLES, dim=0) for part in condition(network, batch, chosen)
    )
    before = local.new_zeros(len(local), config.latents, config.latent_dim)

    def denoise(x: Tensor, gamma: Tensor, latents: Tensor | None) -> tuple[Tensor, Tensor]:
        latents = before if latents is None else latents
        output: tuple[Tensor, Tensor] = network.denoiser(
            x, gamma.expand(len(x)), local, scene, latents
        )
        return output

    places = positions(batch, chosen).repeat_interleave(_SAMPLES, dim=0)
    white = torch.randn(places.shape[:2], generator=generator).to(places.device)
    grids = [grid.to(places.device) for grid in noise.coarse(len(places), generator)]
    x = noise.at(white, grids, places)
    at = times(config.steps, warp=config.warp)
    gammas = schedule.find(config.schedule)(at).to(local.device)
    values, _ = ddim(denoise, x, gammas, limit=config.input_scale)
    samples = (values / config.input_scale).unflatten(0, (-1, _SAMPLES))
    errors = log_depth.log_spread((samples.median(dim=1).values - truth).abs(), *ends)
    return errors.flatten(), log_depth.log_spread(samples.std(dim=1), *ends).flatten()
