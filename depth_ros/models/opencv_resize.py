"""OpenCV's resize of 8-bit images, on whatever device they are."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_HOST = "cpu"
"""Where OpenCV itself works."""


def opencv_resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images by pixel areas where they shrink, and bicubic where a side grows.

    Args:
        pixels: whole levels of 0 to 255, (B, 3, h, w).
        size: height and width.

    Returns: whole levels (B, 3, *size). On the CPU they are OpenCV's own; elsewhere single ones
    differ by one, where its fixed point rounds otherwise.
    """
    before = (pixels.shape[-2], pixels.shape[-1])
    if size == before:
        return pixels
    grows = size[0] > before[0] or size[1] > before[1]
    if pixels.device.type == _HOST:
        return _on_cpu(pixels, size, cv2.INTER_CUBIC if grows else cv2.INTER_AREA)
    levels = pixels.float()
    if grows:
        levels = functional.interpolate(levels, size, mode="bicubic")
    else:
        down, across = (_areas(*ends, pixels.device) for ends in zip(before, size, strict=True))
        levels = down @ levels @ across.T
    return levels.round_().clamp_(0, 255)


def _on_cpu(pixels: Tensor, size: tuple[int, int], interpolation: int) -> Tensor:
    images = pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    resized = [cv2.resize(each, size[::-1], interpolation=interpolation) for each in images]
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2)


def _areas(before: int, after: int, device: torch.device) -> Tensor:
    """Return the share (after, before) that each pixel has in each of fewer ones."""
    edges = torch.arange(after + 1, device=device, dtype=torch.float32) * (before / after)
    pixels = torch.arange(before, device=device, dtype=torch.float32)
    high = torch.minimum(edges[1:, None], pixels + 1)
    low = torch.maximum(edges[:-1, None], pixels)
    return (high - low).clamp_min(0) * (after / before)
