"""The objective of GRIN: predict v of labelled pixels, at every noise level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.models.grin import log_depth, noise, schedule
from depth_ros.models.grin.network import Grin
from depth_ros.models.grin.positions import grid, normalise
from depth_ros.training.frames import Batch


@dataclass(frozen=True)
class Denoising:
    """Loss of a Grin on a batch. Only pixels with a label are tokens (section 4.4).

    Attributes:
        pixels: labelled pixels per image and noise level. Our choice; not in the paper.
        levels: noise levels per image, which share one run of the encoder. Our choice.
        self_conditioning: share of samples that get the latents of a first pass (RIN: 0.9).
    """

    pixels: int = 256
    levels: int = 2
    self_conditioning: float = 0.5

    def __call__(self, network: Grin, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the mean absolute error of v.

        L1 is our choice, as in MVGD; noise levels are uniform over time.
        """
        config, device = network.config, batch.rgb.device
        chosen = choose(labelled(batch), self.pixels * self.levels, self.levels, generator)
        x0 = log_depth.encode(
            batch.depth_m.flatten(1).gather(1, chosen), config.d_min_m, config.d_max_m
        )
        local, scene = condition(network, batch, chosen)
        samples = len(x0) * self.levels
        t = (torch.arange(samples) + torch.rand(samples, generator=generator)) / samples
        t = t[torch.randperm(samples, generator=generator)]
        gamma = schedule.find(config.schedule)(t).to(device)
        x0 = config.input_scale * x0.reshape(samples, -1)
        white, grids = torch.randn(x0.shape, generator=generator), noise.coarse(samples, generator)
        places = positions(batch, chosen).reshape(samples, -1, 2)
        eps = noise.at(white.to(device), [grid.to(device) for grid in grids], places)
        x_t = schedule.add_noise(x0, eps, gamma[:, None])
        local = local.reshape(samples, -1, local.shape[-1])
        scene = scene.repeat_interleave(self.levels, dim=0)
        before = self._first_pass(network, x_t, gamma, local, scene)
        v, _ = network.denoiser(x_t, gamma, local, scene, before)
        return functional.l1_loss(v, schedule.velocity(x0, eps, gamma[:, None]))

    def _first_pass(
        self, network: Grin, x_t: Tensor, gamma: Tensor, local: Tensor, scene: Tensor
    ) -> Tensor:
        """Return latents (samples, L, latent_dim): of a first pass for some, zeros for others."""
        config = network.config
        before = x_t.new_zeros(len(x_t), config.latents, config.latent_dim)
        some = round(self.self_conditioning * len(x_t))
        if some:
            inputs = (part[:some].detach() for part in (x_t, gamma, local, scene))
            with torch.no_grad():
                before[:some] = network.denoiser(*inputs, before[:some])[1].float()
        return before


def choose(candidates: Tensor, most: int, multiple: int, generator: torch.Generator) -> Tensor:
    """Return indices (B, N) of N distinct random labelled pixels of each image.

    Args:
        candidates: bool (B, P), the labelled pixels.
        most: maximum N; N is also limited by the image with the fewest labels.
        multiple: N is a multiple of it.
        generator: random generator of the choice.
    """
    count = min(most, int(candidates.sum(1).min())) // multiple * multiple
    lots = torch.rand(candidates.shape, generator=generator).to(candidates.device)
    return lots.masked_fill(~candidates, -1.0).topk(count, dim=1).indices


def labelled(batch: Batch) -> Tensor:
    """Return which pixels (B, H * W) have depth and a ray."""
    known = torch.isfinite(batch.depth_m) & (batch.depth_m > 0)
    return (known & batch.rays.isfinite().all(-1)).flatten(1)


def condition(network: Grin, batch: Batch, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Return the conditioning of chosen pixels (B, N), and that of the whole image."""
    pixels = batch.rgb.permute(0, 3, 1, 2).float() / 127.5 - 1
    rays = batch.rays.flatten(1, 2).gather(1, chosen[..., None].expand(-1, -1, 2))
    # A cell's mean ray is that of its centre, except for the lens's curvature inside the cell.
    cell_rays = functional.avg_pool2d(batch.rays.movedim(-1, 1), network.config.cell)
    cells = grid(*cell_rays.shape[2:]).to(rays.device).expand(len(rays), -1, -1)
    cell_rays = cell_rays.flatten(2).transpose(1, 2).nan_to_num(0.0)
    places = positions(batch, chosen)
    output: tuple[Tensor, Tensor] = network.encoder(pixels, places, rays, cells, cell_rays)
    return output


def positions(batch: Batch, chosen: Tensor) -> Tensor:
    """Return normalised positions (B, N, 2) of pixels (B, N) of the frames."""
    height, width = batch.depth_m.shape[1:]
    return normalise(torch.stack([chosen % width, chosen // width], dim=-1), height, width)
