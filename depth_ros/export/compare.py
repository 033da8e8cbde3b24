"""How far one prediction of an image is from another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from depth_ros.models.base import Output, Prediction

_UNLIKE = 0.01
# Networks that end in a ReLU say 0 m, of which there are no shares.
_NEAR = 0.01


@dataclass(frozen=True)
class Errors:
    """Relative errors: of depth, as shares of it; of values without a scale, of their range.

    Depth below a hundredth of an image's farthest counts as that hundredth.

    Attributes:
        largest, mean: over pixels and images.
    """

    largest: float
    mean: float


def compare(found: list[Prediction], expected: list[Prediction]) -> Errors:
    """Return how far predictions are from those of the same images that are right.

    Where either is beyond range, +inf, or no estimate there is no error; but where more than one
    pixel in a hundred is so in one of the two alone, it is infinite.
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


def _at_one_focal_length(said: Prediction) -> Tensor:
    """Return values (B, H, W); the pipeline divides by a focal length that a network estimates."""
    values = said.values.cpu()
    return values if said.f_px is None else values / said.f_px.cpu()[:, None, None]
