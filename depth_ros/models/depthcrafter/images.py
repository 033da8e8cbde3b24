"""Conversion of images for DepthCrafter's networks; -1 to 1 is black to white."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MULTIPLE = 64
"""Sides of the network's images are multiples of this, in pixels."""


def network_size(height: int, width: int, max_side_px: int) -> tuple[int, int]:
    """Return the network's size for images: their own, rounded, or shrunk to max_side_px."""
    size = _rounded(height), _rounded(width)
    if max(size) <= max_side_px:
        return size
    scale = max_side_px / max(height, width)
    return _rounded(height * scale), _rounded(width * scale)


def to_network(rgb: Tensor, size: tuple[int, int]) -> Tensor:
    """Convert uint8 images (N, H, W, 3) to float32 (N, 3, *size) of -1 to 1."""
    pixels = rgb.permute(0, 3, 1, 2).float() / 127.5 - 1
    return functional.interpolate(pixels, size, mode="bilinear", antialias=True)


def to_embed(pixels: Tensor, side_px: int, mean: Tensor, std: Tensor) -> Tensor:
    """Convert images (N, 3, h, w) of -1 to 1 to CLIP's input (N, 3, side_px, side_px).

    A Gaussian blur against aliasing, then a bicubic resize to a square with aligned corners, as in
    Stable Video Diffusion's pipeline.

    Args:
        mean, std: (3,) of colours of 0 to 1.
    """
    height, width = pixels.shape[-2:]
    blurred = _blurred(pixels, (width / side_px - 1) / 2)
    blurred = _blurred(blurred.mT, (height / side_px - 1) / 2).mT
    square = (side_px, side_px)
    small = functional.interpolate(blurred, square, mode="bicubic", align_corners=True)
    return ((small + 1) / 2 - mean[:, None, None]) / std[:, None, None]


def from_network(decoded: Tensor, size: tuple[int, int]) -> Tensor:
    """Convert decoded images (N, 3, h, w) to values (N, *size).

    As in the published pipeline, decoded images are scaled and clipped to 0 to 1, and the mean of
    the three channels is taken.
    """
    values = (decoded.float() / 2 + 0.5).clamp(0, 1).mean(1, keepdim=True)
    return functional.interpolate(values, size, mode="bilinear")[:, 0]


def _rounded(length: float) -> int:
    return max(1, round(length / MULTIPLE)) * MULTIPLE


def _blurred(images: Tensor, sigma_px: float) -> Tensor:
    """Return images (N, C, H, W) blurred along their rows, mirrored at the ends."""
    sigma_px = max(sigma_px, 0.001)
    radius = int(max(4 * sigma_px, 3)) // 2
    x = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.softmax(-(x**2) / (2 * sigma_px**2), 0)
    padded = functional.pad(images, (radius, radius, 0, 0), mode="reflect")
    return functional.conv2d(padded.flatten(0, 1)[:, None], kernel[None, None, None]).view_as(
        images
    )
