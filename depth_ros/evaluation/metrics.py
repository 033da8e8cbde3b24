"""The field's depth metrics, as published (Eigen et al. 2014; ZoeDepth's evaluation code)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from depth_ros.geometry.depth import RIGHT

Mask: TypeAlias = npt.NDArray[np.bool_]

_NONE = float("nan")


class Scores(NamedTuple):
    """What one depth map, or the mean over several, scores against the truth.

    Over the N pixels that count, with depth d, truth g and e = ln d - ln g:

    Attributes:
        abs_rel: mean |d - g| / g.
        delta1: share of pixels with max(d / g, g / d) < 1.25.
        rmse_m: root mean square of d - g.
        sq_rel_m: mean (d - g)^2 / g.
        rmse_log: root mean square of e.
        log10: mean |log10 d - log10 g|.
        silog: 100 times the standard deviation of e (KITTI's benchmark): 0 for any scale.
        delta2, delta3: as delta1, with 1.25^2 and 1.25^3.
    """

    abs_rel: float
    delta1: float
    rmse_m: float
    sq_rel_m: float = _NONE
    rmse_log: float = _NONE
    log10: float = _NONE
    silog: float = _NONE
    delta2: float = _NONE
    delta3: float = _NONE


def score(depth_m: npt.ArrayLike, truth_m: npt.ArrayLike) -> Scores:
    """Compare two depth maps (H, W) over the pixels where both are finite and positive.

    No pixel in common gives NaN.
    """
    depth, truth = np.asarray(depth_m, np.float64), np.asarray(truth_m, np.float64)
    valid = known(depth) & known(truth)
    if not valid.any():
        return Scores(_NONE, _NONE, _NONE)
    d, g = depth[valid], truth[valid]
    e = np.log(d) - np.log(g)
    ratio = np.maximum(d / g, g / d)
    return Scores(
        abs_rel=float(np.mean(np.abs(d - g) / g)),
        delta1=float(np.mean(ratio < RIGHT)),
        rmse_m=float(np.sqrt(np.mean((d - g) ** 2))),
        sq_rel_m=float(np.mean((d - g) ** 2 / g)),
        rmse_log=float(np.sqrt(np.mean(e**2))),
        log10=float(np.mean(np.abs(e)) / np.log(10)),
        # The published mean(e^2) - mean(e)^2, without its cancellation.
        silog=float(100 * np.std(e)),
        delta2=float(np.mean(ratio < RIGHT**2)),
        delta3=float(np.mean(ratio < RIGHT**3)),
    )


def known(depth_m: npt.NDArray[np.floating]) -> Mask:
    """Return where depth (...) is a number of metres: finite and positive."""
    mask: Mask = np.isfinite(depth_m) & (depth_m > 0)
    return mask


def mean(scores: Sequence[Scores]) -> Scores:
    """Return the mean over images, each image counting the same, as published protocols do."""
    return Scores(*(mean_known(column) for column in zip(*scores, strict=True)))


def mean_known(values: Sequence[float]) -> float:
    """Return the mean of those values that are not NaN; NaN where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # "mean of empty slice"
        return float(np.nanmean(values)) if len(values) else _NONE
