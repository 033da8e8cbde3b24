"""Flying pixels replaced by the surface that they belong to, which the image shows.

A network's map is smaller than the image. Enlarged, its edges are slopes between two surfaces,
while the image is sharp: the pixels of a slope get the depth of neighbours of the same brightness
outside it.

Source: Kopf et al., "Joint Bilateral Upsampling", SIGGRAPH 2007, for flying pixels only, since a
bilateral filter makes steps of slanted surfaces with a texture. Its range kernel is Epanechnikov's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from depth_ros.geometry.depth import depth_from_inverse, inverse_from_depth

_UNLIKE = 20.0  # levels of brightness, of 255, from which on a neighbour has no weight
_NEIGHBOURS = (0.92, 0.73, 0.49)  # weights of three to each side: a Gaussian
_OF_FLYING = 0.05  # weight of a flying pixel: it counts where no neighbour is alike


def fill(depth_m: Tensor, rgb: Tensor, flying: Tensor, radius_px: int) -> Tensor:
    """Return depth (H, W) whose flying pixels have the depth of neighbours of their brightness.

    The mean is that of inverse depth, which is linear on planes. A pixel without such neighbours
    keeps its depth. On the CPU only flying pixels are computed; elsewhere all are, because no
    shape may depend on values.

    Args:
        depth_m: (H, W); NaN is no neighbour, +inf is a surface at infinity.
        rgb: uint8 (H, W, 3), of the same camera.
        flying: bool (H, W), see edges.flying.
        radius_px: that of edges.flying; neighbours are up to one and a half times as far away.
    """
    pixels, kept = _pixels(flying), depth_m.flatten()
    mean_m = depth_from_inverse(_means(depth_m, rgb, flying, pixels, max(1, radius_px // 2)))
    changed = torch.where(_at(flying.flatten(), pixels), mean_m, _at(kept, pixels))
    return kept.index_copy(0, pixels, changed).view(depth_m.shape)


def _means(depth_m: Tensor, rgb: Tensor, flying: Tensor, pixels: Tensor, apart_px: int) -> Tensor:
    """Return the mean inverse depth (N,) of pixels (N,) and their neighbours."""
    inverse, levels = inverse_from_depth(depth_m).flatten(), _brightness(rgb)
    trust = flying.flatten().float().mul_(_OF_FLYING - 1).add_(1)
    trust.mul_(~inverse.isnan())
    inverse.nan_to_num_(0.0)
    level, weights = _at(levels, pixels), _at(trust, pixels)
    sums = _at(inverse, pixels) * weights
    for number, most in enumerate(_NEIGHBOURS, start=1):
        index, inside = _neighbours(pixels, depth_m.shape, number * apart_px)
        apart = (_at(levels, index) - level).div_(_UNLIKE)
        weight = apart.square_().neg_().add_(1).clamp_min_(0.0).mul_(most)
        weight.mul_(_at(trust, index)).mul_(inside)
        weights.add_(weight.sum(0))
        sums.add_(weight.mul_(_at(inverse, index)).sum(0))
    return sums.div_(weights)


def _brightness(rgb: Tensor) -> Tensor:
    """Return the mean of the channels (H * W,) of an image, 0 to 255."""
    channels = rgb.flatten(0, 1).float()
    return channels @ torch.full((3,), 1 / 3, device=rgb.device)


def _at(values: Tensor, index: Tensor) -> Tensor:
    """Return values (N,) at indices of any shape."""
    return values.index_select(0, index.flatten()).view(index.shape)


def _pixels(flying: Tensor) -> Tensor:
    """Return the indices (N,) of the pixels to compute."""
    if flying.device.type == "cpu":
        return flying.flatten().nonzero()[:, 0]
    return torch.arange(flying.numel(), device=flying.device)


def _neighbours(pixels: Tensor, shape: tuple[int, ...], apart_px: int) -> tuple[Tensor, Tensor]:
    """Return the neighbours of pixels (N,): indices (4, N), and whether each is in the image."""
    height, width = shape
    row, column = pixels // width, pixels % width
    sides = (
        (-apart_px, column >= apart_px),
        (apart_px, column < width - apart_px),
        (-apart_px * width, row >= apart_px),
        (apart_px * width, row < height - apart_px),
    )
    inside = torch.stack([there for _, there in sides])
    return torch.stack([torch.where(there, pixels + step, pixels) for step, there in sides]), inside
