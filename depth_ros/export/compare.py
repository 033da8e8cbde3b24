"""Relative errors between two predictions of the same images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from depth_ros.models.base import Output, Prediction

_UNLIKE = 0.01
# Networks that end in a ReLU may output 0 m, which has no relative error.
_NEAR = 0.01


@dataclass(frozen=True)
class Errors:
    """Relative errors: of depth, as fractions of it; of values without a scale, of their range.

    Depth below 1/100 of an image's maximum counts as 1/100 of the maximum.

    Attributes:
        largest, mean: over pixels and images.
    """

    largest: float
    mean: float


def compare(found: list[Prediction], expected: list[Prediction]) -> Errors:
    """Return the errors of predictions against the expected ones of the same images.

    Pixels that are not finite in either of the two are ignored. If more than one pixel in a hundred
    is finite in only one of the two, the error is infinite.
    """
    pairs = zip(found, expected, strict=True)
    errors = torch.cat([_relative(one, right).flatten() for one, right in pairs])
    return Errors(float(errors.max()), float(errors.mean()))


def _relative(found: Prediction, expected: Prediction) -> Tensor:
    one, right = _at_one_focal_length(found), _at_one_focal_length(expected)
    both = one.isfinite() & right.isfinite()
    if (one.isfinite() != right.isfinite()).float().mean() > _UNLIKE or not both.any():
        return torch.tensor([torch.inf])
    one, right = one[both], right[both]
    if expected.output is not Output.METRIC_DEPTH:
        return (one - right).abs() / (right.max() - right.min())
    return (one - right).abs() / right.abs().clamp(min=_NEAR * float(right.abs().max()))


def _at_one_focal_length(prediction: Prediction) -> Tensor:
    """Return values (B, H, W), divided by the focal length if the network estimates it."""
    values, f_px = prediction.values.cpu(), prediction.f_px
    return values if f_px is None else values / f_px.cpu()[:, None, None]
