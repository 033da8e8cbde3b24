"""The uncertainty of depth for each pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from depth_ros.geometry.depth import RIGHT

_LEAST = 1e-3  # minimum relative deviation


@dataclass(frozen=True)
class ErrorModel:
    """Standard deviation of the natural log of a network's depth, measured against true depth.

    The parts are independent, so their squares add up: sigma^2 = base^2 + (per_m z)^2 +
    (edge s)^2 + scale^2, where s is the log range of depth around the pixel, see log_range().

    Attributes:
        base: constant part.
        per_m: part per metre of depth z.
        edge: share of the depth step next to the pixel.
        scale: scale error of the whole image, if the network predicts metres.
        spread: factor on the log spread that a network predicts itself; replaces base, per_m and
            edge.
    """

    base: float
    per_m: float
    edge: float
    scale: float
    spread: float = 1.0


def log_range(depth_m: Tensor, radius_px: int) -> Tensor:
    """Return ln(farthest / nearest) of depth (H, W) in windows of 2 radius_px + 1 pixels.

    It is 0 on a surface that faces the camera, and the log of the step at a depth edge. NaN and
    +inf are ignored; without any depth the result is 0.
    """
    far = depth_m.nan_to_num(0.0, 0.0)
    near = depth_m.nan_to_num(torch.inf, torch.inf).neg_()
    for dim in range(2):
        far, near = _largest(far, radius_px, dim), _largest(near, radius_px, dim)
    # Without any depth this is 0 / inf.
    return far.div_(near.neg_()).clamp_min_(1.0).log_()


def _largest(values: Tensor, radius: int, dim: int) -> Tensor:
    """Return the running maximum of values (H, W) within a radius along dim, by doubling."""
    length, done = values.shape[dim], 0
    radius = min(radius, length - 1)
    while done < radius:
        step = min(radius - done, 2 * done + 1)
        wider = values.clone()
        ahead, behind = (
            values.narrow(dim, step, length - step),
            values.narrow(dim, 0, length - step),
        )
        for place, other in ((0, ahead), (step, behind)):
            part = wider.narrow(dim, place, length - step)
            torch.maximum(part, other, out=part)
        values, done = wider, done + step
    return values


def _steps(depth_m: Tensor, radius_px: int) -> Tensor:
    """Return log_range() (H, W), computed on a coarser grid if the radius is large."""
    every = max(1, radius_px // 2)
    if every == 1:
        return log_range(depth_m, radius_px)
    height, width = depth_m.shape
    few = log_range(depth_m[::every, ::every], -(-radius_px // every))
    return few.repeat_interleave(every, 0)[:height].repeat_interleave(every, 1)[:, :width]


def deviation(depth_m: Tensor, errors: ErrorModel, radius_px: int, scale: float | Tensor) -> Tensor:
    """Return one standard deviation of ln depth (H, W); NaN: no depth.

    To first order this is the relative error: sigma * z is the deviation in metres.

    Args:
        depth_m: (H, W) z-depth.
        errors: of the network.
        radius_px: radius of blur at depth edges, see edges.radius_for.
        scale: standard deviation of the log scale of the whole image.
    """
    steps = _steps(depth_m, radius_px)
    squares = (depth_m * errors.per_m).square_().add_((steps * errors.edge).square_())
    sigma = squares.add_(errors.base**2).add_(scale**2).sqrt_()
    return sigma.add_(depth_m, alpha=0)  # NaN for 0 * inf too


def deviation_from_confidence(
    confidence: Tensor, errors: ErrorModel, scale: float | Tensor
) -> Tensor:
    """Convert the probability of depth within a factor RIGHT to one standard deviation of ln depth.

    The inverse of models.grin.confidence.within; ln depth is normally distributed.

    Args:
        confidence: any shape, 0 to 1.
        errors: of the network.
        scale: see deviation().
    """
    quantile = torch.erfinv(confidence.clamp(1e-6, 1 - 1e-6)).mul_(math.sqrt(2))
    spread = quantile.reciprocal_().mul_(math.log(RIGHT) * errors.spread).clamp_min_(_LEAST)
    return spread.square_().add_(scale**2).sqrt_()
