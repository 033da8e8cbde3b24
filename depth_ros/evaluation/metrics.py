"""The field's depth metrics, as published (Eigen et al. 2014; ZoeDepth's evaluation code)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Scores(NamedTuple):
    """What one depth map, or the mean over several, scores against the truth."""

    abs_rel: float
    delta1: float
    rmse_m: float


def score(depth_m: npt.ArrayLike, truth_m: npt.ArrayLike) -> Scores:
    """Compare two depth maps (H, W) over the pixels where both are finite and positive.

    AbsRel is mean |d - g| / g, delta1 the share of pixels with max(d/g, g/d) < 1.25, RMSE the root
    mean square of d - g in metres. No pixel in common gives NaN.
    """
    depth, truth = np.asarray(depth_m, np.float64), np.asarray(truth_m, np.float64)
    valid = np.isfinite(depth) & np.isfinite(truth) & (depth > 0) & (truth > 0)
    if not valid.any():
        return Scores(np.nan, np.nan, np.nan)
    d, g = depth[valid], truth[valid]
    return Scores(
        abs_rel=float(np.mean(np.abs(d - g) / g)),
        delta1=float(np.mean(np.maximum(d / g, g / d) < 1.25)),
        rmse_m=float(np.sqrt(np.mean((d - g) ** 2))),
    )


def mean(scores: list[Scores]) -> Scores:
    """Return the mean over images, each image counting the same, as published protocols do."""
    return Scores(*(float(np.nanmean(column)) for column in zip(*scores, strict=True)))
