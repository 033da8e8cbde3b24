"""Pillow's antialiased resize of 8-bit images, on whatever device they are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def pillow_resize(pixels: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """Resize uint8 images (B, C, H, W) with Pillow's antialiased bilinear or bicubic filter.

    On the CPU torch has Pillow's fixed-point arithmetic; on a GPU see rounded_resize. Both filter
    rows before columns. Pillow does the same, except for images that become wider and lower: there
    single pixels at edges differ by up to a dozen levels.
    """
    if pixels.device.type == "cpu":
        return functional.interpolate(pixels, size, mode=mode, antialias=True)
    return rounded_resize(pixels, size, mode)


def rounded_resize(pixels: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """Do the same as pillow_resize in floating point; returns float32 integer levels, 0 to 255.

    Rounding after each of the two passes is needed: it removes the filter's overshoot at edges.
    """
    # Colour planes, in which the filter runs along memory.
    levels = pixels.to(torch.float32, memory_format=torch.contiguous_format)
    for part in ((pixels.shape[-2], size[1]), size):
        levels = functional.interpolate(levels, part, mode=mode, antialias=True)
        levels = levels.round_().clamp_(0, 255)
    return levels
