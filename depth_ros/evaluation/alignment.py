"""Alignment of predictions with the truth before scoring: none, scale, or scale and shift.

Aligned scores use the truth, which a robot does not have: they rate shape, not metric depth.
"""

from __future__ import annotations

import math
from enum import Enum

import numpy as np

from depth_ros.arrays import DepthArray
from depth_ros.errors import ModelSettingError, ScaleError
from depth_ros.evaluation.metrics import known
from depth_ros.scale.fit import least_squares

METRIC = "metric_depth"
"""The kind of values that are metres (models.Output)."""

_DEPTH = "affine_depth"
# As in Video-Depth-Anything's and DepthCrafter's evaluation: at most a kilometre.
_LEAST_INVERSE = 1e-3
_LEAST_M = 1e-3
_MOST_SAMPLES = 1 << 22  # of a clip, evenly strided: more need gigabytes and do not improve the fit


class Alignment(str, Enum):
    """How predictions are aligned with the truth."""

    NONE = "none"
    MEDIAN = "median"
    RATIO = "ratio"
    AFFINE = "affine"
    CLIP = "clip"


_SCALES = (Alignment.NONE, Alignment.MEDIAN, Alignment.RATIO)


def align(values: DepthArray, kind: str, truth_m: DepthArray, how: Alignment) -> DepthArray:
    """Return predictions as depth in metres.

    - none: metric depth, unchanged.
    - median: times median(truth) / median(prediction) over all pixels with both (SfMLearner, arXiv
      1704.07813).
    - ratio: times median(truth / prediction) over all pixels with both, which minimises the mean
      absolute error of the logarithm.
    - affine, clip: scale and shift by least squares over all pixels with both, in inverse depth
      (MiDaS, arXiv 1907.01341), clipped to 1/1000 per metre; in depth for networks whose depth is
      affine-invariant. The scale is not allowed to be negative; instead it is 0, the same depth
      everywhere.

    Args:
        values: (N, H, W) with one alignment: one image, or the frames of a clip.
        kind: of the values, a value of models.Output.
        truth_m: (N, H, W), NaN for pixels that do not count.
        how: the alignment; affine and clip differ only in N.

    Returns:
        (N, H, W) metres, NaN and +inf as in the prediction.

    Raises:
        ModelError: the values are not metric and the alignment requires it.
    """
    if how in _SCALES:
        check(kind, how)
        return (values * _scale(values, truth_m, how)).astype(np.float32)
    if kind == _DEPTH:
        return _fitted(values, truth_m, _LEAST_M)
    inverse = _inverse(values) if kind == METRIC else values
    return np.reciprocal(_fitted(inverse, _inverse(truth_m), _LEAST_INVERSE))


def check(kind: str, how: Alignment) -> None:
    """Raise if values of this kind cannot become metres by this alignment.

    Raises:
        ModelError: values of this kind need another alignment.
    """
    if kind != METRIC and how in _SCALES:
        raise ModelSettingError(
            f"the model outputs {kind}, which alignment '{how.value}' cannot make metric: "
            "use --align affine, or clip for videos"
        )


def _inverse(depth_m: DepthArray) -> DepthArray:
    """Return inverse depth: 0 beyond range, NaN without depth."""
    return np.divide(1, depth_m, out=np.full_like(depth_m, np.nan), where=depth_m > 0)


def _scale(values: DepthArray, truth_m: DepthArray, how: Alignment) -> float:
    """Return the factor of an alignment by scale; NaN if no pixel has both."""
    if how is Alignment.NONE:
        return 1.0
    both = known(values) & known(truth_m)
    if not both.any():
        return math.nan
    if how is Alignment.RATIO:
        return float(np.median(truth_m[both] / values[both]))
    return float(np.median(truth_m[both]) / np.median(values[both]))


def _fitted(x: DepthArray, y: DepthArray, least: float) -> DepthArray:
    """Return the least-squares fit of scale * x + shift to y, at least `least`; NaN as in x."""
    both = np.isfinite(x) & np.isfinite(y)
    stride = max(1, int(np.count_nonzero(both)) // _MOST_SAMPLES)
    scale, shift = _line(x[both][::stride], y[both][::stride])
    fitted: DepthArray = np.maximum(scale * x + shift, least).astype(np.float32)
    return fitted


def _line(x: DepthArray, y: DepthArray) -> tuple[float, float]:
    """Return scale, never negative, and shift."""
    try:
        fit = least_squares(x, y)
    except ScaleError:
        return 0.0, float(y.mean(dtype=np.float64)) if len(y) else float("nan")
    return fit.scale, fit.shift
