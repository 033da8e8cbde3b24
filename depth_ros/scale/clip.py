"""One scale and shift for a whole recording, for models whose values are consistent over it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from depth_ros.arrays import DepthArray, FloatArray
from depth_ros.errors import ScaleError
from depth_ros.scale.anchors import MOST_DEVIATION, Anchors, sample, target_of
from depth_ros.scale.filter import FLOOR
from depth_ros.scale.fit import Fit, robust
from depth_ros.scale.ground import Mount, find_ground
from depth_ros.scale.scaler import Reference

ANCHORS = 200
"""Maximum number of anchors of one frame: more make a clip's fit slower, not better."""

# Depth range of the ground, in camera heights: the ground fit of a frame is valid there only.
_HEIGHTS = np.geomspace(1, 10, 16)

_Samples = tuple[FloatArray, FloatArray, FloatArray]


def align_clip(
    values: Iterable[DepthArray],
    kind: str,
    references: Iterable[Reference | None],
    rays: Tensor,
) -> Fit:
    """Fit the one scale and shift that make a clip's prediction metric.

    Anchors of all frames are used together: a few in each frame are enough, and frames of a flat
    wall do no harm. A frame with a mount is weighted by the certainty of its own ground fit; frames
    whose ground contradicts the majority are rejected. Both kinds may be mixed.

    Args:
        values: (H, W) of each frame, read once; NaN and infinity are ignored.
        kind: of the values, see ground.find_ground.
        references: the reference of each frame, or None; the shorter of both iterables counts.
        rays: (H, W, 2) viewing rays, see Camera.rays().

    Returns:
        The fit. Its inliers are a share of the samples. Its covariance is a lower limit, because it
        assumes independent samples.

    Raises:
        ScaleError: no frame has a usable reference, or together they do not determine the scale.
    """
    predicted, target, weights = _evidence_of_clip(values, kind, references, rays)
    fit = robust(predicted, target, weights, kind != "metric_depth")
    if fit.deviation > MOST_DEVIATION:
        raise ScaleError(
            f"the clip leaves its scale uncertain by {fit.deviation:.0%}, "
            f"expected {MOST_DEVIATION:.0%} at most: does anything differ in depth?"
        )
    return fit


def _evidence_of_clip(
    values: Iterable[DepthArray],
    kind: str,
    references: Iterable[Reference | None],
    rays: Tensor,
) -> _Samples:
    """Return the samples of all frames that have some.

    Raises:
        ScaleError: no frame has any.
    """
    evidence: list[_Samples] = []
    refused = "nothing is known of any frame"
    for frame, reference in zip(values, references, strict=False):
        if reference is None:
            continue
        try:
            evidence.append(_evidence(torch.from_numpy(frame.copy()), kind, reference, rays))
        except ScaleError as error:
            refused = str(error)
    if not evidence:
        raise ScaleError(f"no frame of the clip determines its scale: {refused}")
    predicted, target, weights = (np.concatenate(part) for part in zip(*evidence, strict=True))
    return predicted, target, weights


def _evidence(values: Tensor, kind: str, reference: Reference, rays: Tensor) -> _Samples:
    """Return predictions, their targets and weights, (N,) each."""
    if isinstance(reference, Mount):
        return _of_ground(find_ground(values, kind, rays, reference), kind, reference)
    return _of_anchors(values, kind, reference)


def _of_anchors(values: Tensor, kind: str, anchors: Anchors) -> _Samples:
    few = anchors.thinned(ANCHORS)
    predicted = sample(values, few)
    known = np.isfinite(predicted)
    target = target_of(few.depth_m[known], kind)
    # To first order, relative errors of depth and of inverse depth are equal.
    return predicted[known], target, (FLOOR * target) ** -2


def _of_ground(fit: Fit, kind: str, mount: Mount) -> _Samples:
    """Return samples on a frame's fitted line, weighted by its variance there.

    The formal variance contains the pixels' noise only; from frame to frame a network's scale
    varies more than that, see filter.FLOOR.
    """
    target = target_of(mount.height_m * _HEIGHTS, kind)
    predicted = (target - fit.shift) / fit.scale
    gradient = np.stack([predicted, np.ones_like(predicted)])
    variance = np.einsum("in,ij,jn->n", gradient, fit.covariance, gradient)
    return predicted, target, 1 / (variance + (FLOOR * target) ** 2)
