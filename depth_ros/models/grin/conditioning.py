"""The conditioning of the denoiser at every position: image features and the viewing ray."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.models.grin import backbones
from depth_ros.models.grin.config import GrinConfig


def fourier(rays: Tensor, bands: int, max_frequency: float) -> Tensor:
    """Return unit rays (..., 3) with sin and cos of pi f ray: (..., 3 + 6 bands).

    Source: ZeroDepth (arXiv 2306.17253): frequencies f are linear from 1 to max_frequency.
    """
    frequencies = torch.linspace(1.0, max_frequency, bands, device=rays.device) * math.pi
    angles = (rays[..., None] * frequencies).flatten(-2)
    return torch.cat([rays, angles.sin(), angles.cos()], dim=-1)


def unit_rays(rays: Tensor) -> Tensor:
    """Return rays (..., 2), x/z and y/z, as directions (..., 3) of length one."""
    return functional.normalize(torch.cat([rays, torch.ones_like(rays[..., :1])], -1), dim=-1)


def sample(features: Tensor, positions: Tensor) -> Tensor:
    """Return features (B, C, h, w) at positions (B, N, 2), bilinearly: (B, N, C).

    Positions are in [-1, 1] from border to border, x before y: the same point on every scale.
    """
    sampled = functional.grid_sample(
        features, positions[:, None], padding_mode="border", align_corners=False
    )
    return sampled[:, :, 0].transpose(1, 2)


class Conditioner(nn.Module):
    """The image encoder, and the local and global conditioning from its features and the rays.

    Each denoised pixel has its local conditioning. Global conditioning is a set of tokens that all
    latents read; any part of it may be left out (paper, figures 3 and 8).
    """

    # Positions and rays need float32; features are cast to lower precision here.
    casts_itself = True

    def __init__(self, config: GrinConfig) -> None:
        super().__init__()
        self.config = config
        backbone: Any = backbones.build(config.backbone)
        self.backbone = backbone
        channels: list[int] = list(backbone.channels)
        encoding = 3 + 6 * config.bands
        self.norms = nn.ModuleList(nn.LayerNorm(each) for each in channels)
        self.local = Fusion(sum(channels), encoding, config.token_dim)
        self.scene = Fusion(sum(channels), encoding, config.latent_dim)

    def forward(
        self, pixels: Tensor, positions: Tensor, rays: Tensor, cells: Tensor, cell_rays: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return local (B, N, token_dim) and global (B, M, latent_dim) conditioning.

        Args:
            pixels: (B, 3, h, w) normalised images.
            positions: (B, N, 2) of the denoised pixels, see sample().
            rays: (B, N, 2) their viewing rays, x/z and y/z.
            cells: (B, M, 2) positions of the global conditioning.
            cell_rays: (B, M, 2) their viewing rays.
        """
        maps = self.encode(pixels)
        local = self.local(*self.at(maps, positions, rays))
        return local, self.scene(*self.at(maps, cells, cell_rays))

    def encode(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Return the encoder's maps (B, C, h / stride, w / stride), finest first."""
        maps: tuple[Tensor, ...] = self.backbone(pixels.to(self._dtype)).feature_maps
        return maps

    def at(
        self, maps: tuple[Tensor, ...], positions: Tensor, rays: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return features (B, N, C) and encoded rays (B, N, 3 + 6 bands) at positions (B, N, 2)."""
        if not self.config.rays:
            rays = positions  # fx = cx = W / 2, fy = cy = H / 2 (paper, section 5.4)
        features = [
            norm(sample(each.float(), positions).to(self._dtype))
            for norm, each in zip(self.norms, maps, strict=True)
        ]
        encoded = fourier(unit_rays(rays), self.config.bands, self.config.max_frequency)
        return torch.cat(features, dim=-1), encoded

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.norms.parameters()).dtype


class Fusion(nn.Module):
    """Image features (..., channels) and encoded rays (..., encoding) to conditioning (..., out).

    Rays are float32 also under autocast: at the horizon 0.01 degree corresponds to metres.
    """

    def __init__(self, channels: int, encoding: int, out: int) -> None:
        super().__init__()
        self.features = nn.Linear(channels, 2 * out)
        self.rays = nn.Linear(encoding, 2 * out)
        self.out = nn.Linear(2 * out, out)

    def forward(self, features: Tensor, rays: Tensor) -> Tensor:
        """Return the conditioning."""
        with torch.autocast(rays.device.type, enabled=False):
            embedded = functional.linear(rays, self.rays.weight.float(), self.rays.bias.float())
        hidden = functional.gelu(self.features(features) + embedded.to(features.dtype))
        fused: Tensor = self.out(hidden)
        return fused
