"""Positions of pixels: coordinates with integer centres to [-1, 1] from border to border."""

from __future__ import annotations

import torch
from torch import Tensor


def normalise(pixels: Tensor, height: int, width: int) -> Tensor:
    """Return the positions (..., 2) of pixels (..., 2), x before y, of an image of height x width.

    They are independent of the image's size.
    """
    size = torch.tensor([width, height], device=pixels.device)
    return (2 * pixels + 1) / size - 1


def grid(height: int, width: int) -> Tensor:
    """Return the positions (height * width, 2) of every pixel, row by row."""
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return normalise(torch.stack([u, v], dim=-1).reshape(-1, 2), height, width)
