"""One scale and shift for a whole recording, of a prediction that is the same line throughout."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError
from depth_ros.scale.anchors import MOST_DEVIATION, Anchors, sample
from depth_ros.scale.filter import FLOOR
from depth_ros.scale.fit import Fit, robust
from depth_ros.scale.ground import Mount, find_ground
from depth_ros.scale.scaler import Reference

ANCHORS = 200
"""Of one frame: more do not make the fit of a clip better, only slower."""

# Where ground is seen, in camera heights of depth: a frame's line is known there, and nowhere else.
_HEIGHTS = np.geomspace(1, 10, 16)

_Samples = tuple[FloatArray, FloatArray, FloatArray]


def align_clip(
    values: Iterable[npt.NDArray[np.float32]],
    kind: str,
    references: Iterable[Reference | None],
    rays: Tensor,
) -> Fit:
    """Fit the one scale and shift that make a clip's prediction metric.

    Anchors of all frames count together: a few in each frame are enough, and a wall in front of
    the camera is no harm. A mount's frame counts by what its own ground says, as much as that is
    certain; frames whose ground contradicts the majority have no say. Both may be mixed.

    Args:
        values: (H, W) of each frame, read once; NaN and infinity are no evidence.
        kind: what they are, see ground.find_ground.
        references: what is known of each frame, for as long as both last; None: nothing.
        rays: (H, W, 2) viewing rays as Camera.rays() gives.

    Returns:
        The fit. Its inliers are a share of the evidence, and its covariance takes all evidence for
        independent, so that it is a lower limit.

    Raises:
        ScaleError: no frame says anything, or what they say together leaves the scale open.
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
        raise ScaleError(f"no frame of the clip tells its scale: {refused}")
    predicted, target, weights = (np.concatenate(part) for part in zip(*evidence, strict=True))
    fit = robust(predicted, target, weights, kind != "metric_depth")
    if fit.deviation > MOST_DEVIATION:
        raise ScaleError(
            f"the clip leaves its scale uncertain by {fit.deviation:.0%}, "
            f"expected {MOST_DEVIATION:.0%} at most: does anything differ in depth?"
        )
    return fit


def _evidence(values: Tensor, kind: str, reference: Reference, rays: Tensor) -> _Samples:
    """Return what was predicted, what it should have been, and weights, (N,) each."""
    if isinstance(reference, Mount):
        return _of_ground(find_ground(values, kind, rays, reference), kind, reference)
    return _of_anchors(values, kind, reference)


def _of_anchors(values: Tensor, kind: str, anchors: Anchors) -> _Samples:
    few = anchors.thinned(ANCHORS)
    predicted = sample(values, few)
    known = np.isfinite(predicted)
    target = _target(few.depth_m[known], kind)
    # A relative error of depth and one of inverse depth are the same to first order.
    return predicted[known], target, (FLOOR * target) ** -2


def _of_ground(fit: Fit, kind: str, mount: Mount) -> _Samples:
    """Return some points of a frame's line, as certain as the line is there.

    A line's formal error is that of its pixels' noise; from frame to frame a network's opinion
    changes by more, see filter.FLOOR.
    """
    target = _target(mount.height_m * _HEIGHTS, kind)
    predicted = (target - fit.shift) / fit.scale
    gradient = np.stack([predicted, np.ones_like(predicted)])
    variance = np.einsum("in,ij,jn->n", gradient, fit.covariance, gradient)
    return predicted, target, 1 / (variance + (FLOOR * target) ** 2)


def _target(depth_m: FloatArray, kind: str) -> FloatArray:
    return 1 / depth_m if kind == "affine_inverse_depth" else depth_m
