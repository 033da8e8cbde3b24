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
    """Scores of one depth map against the truth, or means over several.

    Over N valid pixels, with depth d, truth g and e = ln d - ln g:

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

    All scores are NaN without such pixels.
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
        # Equal to the published mean(e^2) - mean(e)^2, but without cancellation.
        silog=float(100 * np.std(e)),
        delta2=float(np.mean(ratio < RIGHT**2)),
        delta3=float(np.mean(ratio < RIGHT**3)),
    )


def known(depth_m: npt.NDArray[np.floating]) -> Mask:
    """Return where depth (...) is valid: finite and positive."""
    mask: Mask = np.isfinite(depth_m) & (depth_m > 0)
    return mask


def mean(scores: Sequence[Scores]) -> Scores:
    """Return the mean over images with equal weights, as in published protocols."""
    return Scores(*(mean_known(column) for column in zip(*scores, strict=True)))


def mean_known(values: Sequence[float]) -> float:
    """Return the mean of the values that are not NaN; NaN if there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # "mean of empty slice"
        return float(np.nanmean(values)) if len(values) else _NONE
