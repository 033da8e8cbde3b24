"""What a prediction is compared as: as it is, or scaled, or scaled and shifted, to the truth.

Aligned scores use the truth, which no robot has: they say how good the shape is, not the metres.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from depth_ros.errors import ModelError, ScaleError
from depth_ros.evaluation.metrics import known
from depth_ros.scale.fit import least_squares

Maps: TypeAlias = npt.NDArray[np.float32]

METRIC = "metric_depth"
"""The kind of values that are metres (models.Output)."""

_DEPTH = "affine_depth"
# Video-Depth-Anything's and DepthCrafter's evaluation: nothing is farther than a kilometre.
_LEAST_INVERSE = 1e-3
_LEAST_M = 1e-3
_MOST_SAMPLES = 1 << 22  # of a clip, evenly strided: more do not move the fit, and want gigabytes


class Alignment(str, Enum):
    """How predictions meet the truth."""

    NONE = "none"
    MEDIAN = "median"
    AFFINE = "affine"
    CLIP = "clip"


def align(values: Maps, kind: str, truth_m: Maps, how: Alignment) -> Maps:
    """Return predictions as depth in metres.

    - none: metric depth, as it is.
    - median: times median(truth) / median(prediction) over all pixels with both.
    - affine, clip: scale and shift by least squares over all pixels with both, in inverse depth
      (MiDaS, arXiv 1907.01341), clipped to 1/1000 per metre; in depth for networks whose depth is
      affine-invariant. A negative scale would turn near into far: the best of the allowed ones is
      then 0, the same depth everywhere.

    Args:
        values: (N, H, W) that share one alignment: one image, or the frames of a clip.
        kind: what they mean, a value of models.Output.
        truth_m: (N, H, W), NaN where it does not count.
        how: the alignment; affine and clip differ only in what the caller puts into N.

    Returns:
        (N, H, W) metres, NaN and +inf where the prediction has none.

    Raises:
        ModelError: the values are no metres and the alignment needs such.
    """
    if how in (Alignment.NONE, Alignment.MEDIAN):
        check(kind, how)
        ratio = 1.0 if how is Alignment.NONE else _median_ratio(values, truth_m)
        return (values * ratio).astype(np.float32)
    if kind == _DEPTH:
        return _fitted(values, truth_m, _LEAST_M)
    inverse = _inverse(values) if kind == METRIC else values
    return np.reciprocal(_fitted(inverse, _inverse(truth_m), _LEAST_INVERSE))


def check(kind: str, how: Alignment) -> None:
    """Refuse to take for metres what is none.

    Raises:
        ModelError: values of this kind need another alignment.
    """
    if kind != METRIC and how in (Alignment.NONE, Alignment.MEDIAN):
        raise ModelError(
            f"the model gives {kind}, which alignment '{how.value}' cannot make metres of: "
            "say --align affine, or clip for videos"
        )


def _inverse(depth_m: Maps) -> Maps:
    """Return inverse depth: 0 beyond range, NaN where there is no depth."""
    return np.divide(1, depth_m, out=np.full_like(depth_m, np.nan), where=depth_m > 0)


def _median_ratio(values: Maps, truth_m: Maps) -> float:
    both = known(values) & known(truth_m)
    if not both.any():
        return float("nan")
    return float(np.median(truth_m[both]) / np.median(values[both]))


def _fitted(x: Maps, y: Maps, least: float) -> Maps:
    """Return scale * x + shift nearest to y, at least `least`; NaN where x is."""
    both = np.isfinite(x) & np.isfinite(y)
    stride = max(1, int(np.count_nonzero(both)) // _MOST_SAMPLES)
    scale, shift = _line(x[both][::stride], y[both][::stride])
    with_fit: Maps = np.maximum(scale * x + shift, least).astype(np.float32)
    return with_fit


def _line(x: Maps, y: Maps) -> tuple[float, float]:
    """Return scale, never negative, and shift."""
    try:
        fit = least_squares(x, y)
    except ScaleError:
        return 0.0, float(y.mean(dtype=np.float64)) if len(y) else float("nan")
    return fit.scale, fit.shift
