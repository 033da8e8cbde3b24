"""Multi-resolution noise over an image, at any set of pixels: white noise and coarse grids.

The uncertainty of depth concerns whole objects and rooms. White noise averages out over many
pixels, so that few steps would give the same room in every sample; coarse noise gives different
ones. Our choice, after Marigold (arXiv 2312.02145), which trains with multi-resolution noise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

GRIDS = (1, 3, 7)
"""Nodes along each side of the coarse grids."""
_WHITE = 0.4  # fraction of the variance; the grids have equal fractions of the rest
# Bilinear interpolation of independent numbers reduces their deviation: on average by this factor
# in each direction.
_KEPT = math.sqrt(2 / 3)


def coarse(count: int, generator: torch.Generator) -> list[Tensor]:
    """Return normally distributed numbers (count, 1, k, k) at the nodes of every grid."""
    return [torch.randn(count, 1, side, side, generator=generator) for side in GRIDS]


def centred(grids: list[Tensor]) -> list[Tensor]:
    """Return grids whose sum over samples is zero, with the same variance.

    So the samples are spread around the most likely depth, and a single sample is the most likely.
    """
    count = len(grids[0])
    if count == 1:
        return [torch.zeros_like(grid) for grid in grids]
    return [(grid - grid.mean(dim=0)) * math.sqrt(count / (count - 1)) for grid in grids]


def at(white: Tensor, grids: list[Tensor], positions: Tensor) -> Tensor:
    """Return noise (S, N) of unit variance.

    Args:
        white: (S, N) normally distributed numbers, one for each pixel.
        grids: see coarse(), of S samples.
        positions: (S, N, 2) of the pixels in [-1, 1].
    """
    share = math.sqrt((1 - _WHITE) / len(grids))
    values = white * math.sqrt(_WHITE)
    for grid in grids:
        kept = 1.0 if grid.shape[-1] == 1 else _KEPT**2
        sampled = functional.grid_sample(
            grid, positions[:, None], padding_mode="border", align_corners=True
        )
        values = values + sampled[:, 0, 0] * (share / kept)
    return values
