"""Depth in colour: perceptual maps over inverse depth, near bright and far dark."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.errors import SettingError
from depth_ros.geometry.depth import inverse_from_depth

COLOUR_MAPS = {
    "turbo": cv2.COLORMAP_TURBO,
    "magma": cv2.COLORMAP_MAGMA,
    "inferno": cv2.COLORMAP_INFERNO,
    "viridis": cv2.COLORMAP_VIRIDIS,
}
"""OpenCV's colour maps by name."""

_NONE, _BEYOND, _FAR, _NEAR = 0, 1, 2, 255
# The maps' first entries are almost black, which is reserved for "no estimate".
_DARKEST = 24

_SAMPLES = 1 << 14  # enough for stable percentiles, few enough to sort fast
_LEAST_SPREAD = 1.01  # far over near, so that a flat wall's noise does not get all colours


def colour_table(name: str) -> Tensor:
    """Return uint8 (256, 3) rgb: black for no estimate, darkest for beyond range, the map."""
    ramp = np.linspace(_DARKEST, 255, 255).round().astype(np.uint8)
    bgr = cv2.applyColorMap(ramp[:, None], COLOUR_MAPS[name])[:, 0]
    table = np.concatenate([np.zeros((1, 3), np.uint8), bgr[:, ::-1]])
    return torch.from_numpy(table)


def colourise(
    depth_m: Tensor, near_m: float | Tensor, far_m: float | Tensor, table: Tensor
) -> Tensor:
    """Colour a depth image by inverse depth over a fixed metric range.

    Args:
        depth_m: (H, W); NaN is drawn black, +inf in the table's darkest colour.
        near_m, far_m: depths drawn in the last and first colour; depth outside is clipped. Numbers,
            or 0-dimensional float64 tensors, which are not copied to the host.
        table: uint8 (256, 3) on depth_m's device, see colour_table.

    Returns:
        uint8 (H, W, 3) rgb.
    """
    share = depth_m.reciprocal().sub_(1 / far_m).div_(1 / near_m - 1 / far_m).clamp_(0, 1)
    index = share.mul_(_NEAR - _FAR).add_(_FAR).nan_to_num_(_NONE).round_().int()
    index.masked_fill_(torch.isposinf(depth_m), _BEYOND)
    return functional.embedding(index, table)


def robust_range(depth_m: Tensor, low: float = 0.02, high: float = 0.98) -> tuple[float, float]:
    """Return near and far [m] of a depth image for colourise, robust to outliers.

    They are percentiles of inverse depth, over a sample of the pixels with positive and finite
    depth. Always near < far, even without such pixels.

    Args:
        depth_m: any shape.
        low, high: shares of the pixels that are nearer than near, and nearer than far.

    Raises:
        SettingError: not 0 <= low < high <= 1.
    """
    if not 0 <= low < high <= 1:
        raise SettingError(f"low and high are {low} and {high}, expected 0 <= low < high <= 1")
    pixels = depth_m.flatten()
    # An odd step, so that it does not hit the same columns in every row.
    known = _known_inverse(pixels[:: len(pixels) // _SAMPLES | 1])
    if not len(known):
        known = _known_inverse(pixels)[:_SAMPLES]
    if not len(known):
        return 1.0, _LEAST_SPREAD
    most, least = torch.quantile(known, known.new_tensor([1 - low, 1 - high])).tolist()
    return 1 / most, max(1 / least, _LEAST_SPREAD / most)


def robust_limits(depth_m: Tensor, low: float = 0.02, high: float = 0.98) -> tuple[Tensor, Tensor]:
    """Like robust_range(), but return 0-dimensional float64 tensors, without synchronisation.

    If the sample has no depth but the image has, the range is that of the whole image.
    """
    pixels = inverse_from_depth(depth_m).flatten()
    known = (pixels > 0) & (pixels < torch.inf)
    # Not where() with a number, whose copy to the device synchronises.
    pixels = pixels.masked_fill(~known, torch.inf)
    sample = pixels[:: len(pixels) // _SAMPLES | 1].sort().values
    count = (sample < torch.inf).sum()
    whole_most = pixels.masked_fill(~known, 0).amax()
    most = _quantile(sample, count, 1 - low).where(count > 0, whole_most)
    least = _quantile(sample, count, 1 - high).where(count > 0, pixels.amin())
    most, least = (end.masked_fill(whole_most <= 0, 1).double() for end in (most, least))
    return 1 / most, torch.maximum(1 / least, _LEAST_SPREAD / most)


def _quantile(ordered: Tensor, count: Tensor, share: float) -> Tensor:
    """Return the quantile of the first count values of (N,), linear between two of them."""
    last = (count - 1).clamp(min=0)
    rank = last * share
    below = rank.floor().long()
    values = ordered[torch.stack([below, torch.minimum(below + 1, last)])]
    return torch.lerp(values[0], values[1], rank - below)


def _known_inverse(depth_m: Tensor) -> Tensor:
    """Return the inverse of the depths (N,) that are positive and finite."""
    inverse = inverse_from_depth(depth_m)
    return inverse[(inverse > 0) & (inverse < torch.inf)]
