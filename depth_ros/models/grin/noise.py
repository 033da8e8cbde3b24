"""Noise over an image that can be asked for at any pixels: white, and coarser and coarser.

What is uncertain in depth is uncertain for whole objects and rooms at once. Averaged over many
pixels white noise is nothing, so that few steps would draw the same room in every sample; noise of
every scale draws other ones. Our choice, after Marigold (arXiv 2312.02145), which trains with
multi-resolution noise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

GRIDS = (1, 3, 7)
"""Nodes along each side of the coarse grids."""
_WHITE = 0.4  # share of the variance; the grids have equal shares of the rest
# A bilinear mean of independent numbers varies less than they do: on average by this, per side.
_KEPT = math.sqrt(2 / 3)


def coarse(count: int, generator: torch.Generator) -> list[Tensor]:
    """Return normal numbers (count, 1, k, k) at the nodes of every grid."""
    return [torch.randn(count, 1, side, side, generator=generator) for side in GRIDS]


def centred(grids: list[Tensor]) -> list[Tensor]:
    """Return grids whose sum over samples is zero, with the same variance.

    So the samples lie about what is most likely, and a single one is that.
    """
    count = len(grids[0])
    if count == 1:
        return [torch.zeros_like(grid) for grid in grids]
    return [(grid - grid.mean(dim=0)) * math.sqrt(count / (count - 1)) for grid in grids]


def at(white: Tensor, grids: list[Tensor], positions: Tensor) -> Tensor:
    """Return noise (S, N) of unit variance.

    Args:
        white: (S, N) normal numbers, one for each pixel.
        grids: see coarse(), of S samples.
        positions: (S, N, 2) of the pixels in [-1, 1].
    """
    share = math.sqrt((1 - _WHITE) / len(grids))
    values = white * math.sqrt(_WHITE)
    for grid in grids:
        kept = 1.0 if grid.shape[-1] == 1 else _KEPT**2
        found = functional.grid_sample(
            grid, positions[:, None], padding_mode="border", align_corners=True
        )
        values = values + found[:, 0, 0] * (share / kept)
    return values
