"""Image augmentation: colour, exposure, blur, noise, compression and occlusion.

Images are float32 (B, 3, H, W) from 0 to 1; random numbers come from a generator on their device.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.training.frames import Batch

_GREY = (0.299, 0.587, 0.114)
_BLOCK = 8


def disturb(batch: Batch, generator: torch.Generator) -> Batch:
    """Return augmented frames, as taken by other cameras; occluded pixels have no depth."""
    batch = occlude(batch, generator)
    images = batch.rgb.permute(0, 3, 1, 2).float() / 255
    images = colour(images, generator)
    images = vignette(images, generator)
    images = blur(images, generator)
    images = noise(images, generator)
    images = compress(images, generator)
    levels = (255 * images).round_().clamp_(0, 255).to(torch.uint8)
    return batch._replace(rgb=levels.permute(0, 2, 3, 1))


def occlude(batch: Batch, generator: torch.Generator) -> Batch:
    """Cover some frames with a rectangle of another frame, without depth."""
    count, height, width = batch.depth_m.shape
    lots = torch.rand(5, count, 1, 1, generator=generator, device=generator.device)
    high, wide = (0.08 + 0.3 * lots[0]) * height, (0.08 + 0.3 * lots[1]) * width
    rows = torch.arange(height, device=lots.device)[None, :, None] - lots[2] * (height - high)
    columns = torch.arange(width, device=lots.device)[None, None, :] - lots[3] * (width - wide)
    hidden = (rows >= 0) & (rows < high) & (columns >= 0) & (columns < wide) & (lots[4] < 0.35)
    rgb = torch.where(hidden[..., None], batch.rgb.roll(1, 0), batch.rgb)
    return batch._replace(rgb=rgb, depth_m=batch.depth_m.masked_fill(hidden, 0.0))


def colour(images: Tensor, generator: torch.Generator) -> Tensor:
    """Change exposure, contrast, white balance, saturation and tone curve of images."""
    brightness = _around_one(images, generator, 1.5)
    contrast = _around_one(images, generator, 1.4)
    gamma = _around_one(images, generator, 1.5)
    saturation = 1.7 * _lots(images, generator)
    saturation = torch.where(_lots(images, generator) < 0.08, 0.0, saturation)
    balance = torch.exp(0.14 * (2 * _lots(images, generator, 3) - 1))
    grey = (images * _grey(images.device)).sum(1, keepdim=True)
    images = torch.lerp(grey, images, saturation) * balance
    middle = images.mean((1, 2, 3), keepdim=True)
    images = (middle + (images - middle) * contrast) * brightness
    return images.clamp(1e-4, 1).pow(gamma)


def vignette(images: Tensor, generator: torch.Generator) -> Tensor:
    """Darken the corners of some images (roughly cos^4)."""
    height, width = images.shape[-2:]
    y = torch.linspace(-1, 1, height, device=images.device)[:, None]
    x = torch.linspace(-1, 1, width, device=images.device)
    strength = 0.8 * (_lots(images, generator) - 0.5).clamp(min=0)
    return images * (1 - strength * (x**2 + y**2) / 2)


def blur(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blur some images by up to 1.2 pixels."""
    sigma = 1.2 * (2 * _lots(images, generator)[:, :, :, 0] - 1).clamp(min=0.05)
    taps = torch.exp(-0.5 * (torch.arange(-2, 3, device=images.device) / sigma) ** 2)
    taps = (taps / taps.sum(-1, keepdim=True)).repeat_interleave(3, dim=0)
    planes = functional.pad(images, (2, 2, 2, 2), mode="reflect").reshape(
        1, -1, images.shape[-2] + 4, images.shape[-1] + 4
    )
    planes = functional.conv2d(planes, taps[:, :, :, None], groups=len(taps))
    planes = functional.conv2d(planes, taps[:, :, None, :], groups=len(taps))
    return planes.reshape(images.shape)


def noise(images: Tensor, generator: torch.Generator) -> Tensor:
    """Add sensor noise to images, up to 4 % of full scale."""
    strength = 0.04 * _lots(images, generator) ** 2
    white = torch.randn(images.shape, generator=generator, device=images.device)
    return images + strength * white


def compress(images: Tensor, generator: torch.Generator, share: float = 0.4) -> Tensor:
    """Add JPEG's loss to some images: 8x8 cosine blocks, rounded (ITU-T T.81).

    Brightness and colour use the same table, and colour is not subsampled.
    """
    coarseness = 0.01 + 0.07 * _lots(images, generator) ** 2
    height, width = images.shape[-2:]
    padding = (0, -width % _BLOCK, 0, -height % _BLOCK)
    whole = functional.pad(images, padding, mode="replicate")
    blocks = whole.unfold(2, _BLOCK, _BLOCK).unfold(3, _BLOCK, _BLOCK)
    cosines = _cosines(images.device)
    steps = coarseness[..., None] * _steps(images.device).flatten()
    waves = blocks.flatten(4) @ cosines.T
    lossy = (((waves / steps).round() * steps) @ cosines).view(blocks.shape)
    lossy = lossy.permute(0, 1, 2, 4, 3, 5).reshape(whole.shape)[..., :height, :width]
    return torch.where(_lots(images, generator) < share, lossy, images)


def _lots(images: Tensor, generator: torch.Generator, channels: int = 1) -> Tensor:
    """Return random numbers in [0, 1), one for each image and channel: (B, channels, 1, 1)."""
    shape = (len(images), channels, 1, 1)
    return torch.rand(shape, generator=generator, device=images.device)


def _around_one(images: Tensor, generator: torch.Generator, most: float) -> Tensor:
    """Return factors from 1 / most to most, uniform in their logarithm."""
    return torch.exp(math.log(most) * (2 * _lots(images, generator) - 1))


@lru_cache(maxsize=4)
def _grey(device: torch.device) -> Tensor:
    """Return the weights of the colours in grey, (3, 1, 1)."""
    return torch.tensor(_GREY, device=device)[:, None, None]


@lru_cache(maxsize=4)
def _cosines(device: torch.device) -> Tensor:
    """Return the orthonormal DCT-II of 8 x 8 values, in row-major order, (64, 64)."""
    n = torch.arange(_BLOCK, device=device)
    waves = torch.cos(math.pi / _BLOCK * (n + 0.5) * n[:, None]) * math.sqrt(2 / _BLOCK)
    waves[0] /= math.sqrt(2)
    return torch.kron(waves, waves)


@lru_cache(maxsize=4)
def _steps(device: torch.device) -> Tensor:
    """Return relative quantisation steps (8, 8), coarser for higher frequencies."""
    n = torch.arange(_BLOCK, device=device)
    return 1 + 0.5 * (n + n[:, None])
