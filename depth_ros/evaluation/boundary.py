"""Accuracy of a depth map's occluding contours: Depth Pro's boundary F1."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray
from depth_ros.evaluation.metrics import known

THRESHOLDS = np.linspace(1.05, 1.25, 10)
"""Minimum ratios of two neighbours' depths at an occluding contour."""


def boundary_f1(depth_m: npt.ArrayLike, truth_m: npt.ArrayLike) -> float:
    """Return the scale-invariant boundary F1, 0 to 1, of depth (H, W) with dense truth.

    An occluding contour lies between two neighbours whose depth ratio is above a threshold;
    contours with the farther pixel left, right, above and below are counted separately. Precision
    and recall are means over these four sides, F1 is their harmonic mean, averaged over the
    thresholds with the thresholds as weights. Neighbours without truth do not count.

    Source: Depth Pro (arXiv 2410.02073), SI_boundary_F1 of its published code, which uses
    non-maximum suppression only for its recall of segmentation masks, not here.
    """
    depth, truth = np.asarray(depth_m, np.float64), np.asarray(truth_m, np.float64)
    truth = np.where(known(truth), truth, np.nan)
    sides = list(zip(_ratios(depth), _ratios(truth), strict=True))
    f1 = [_f1(sides, threshold) for threshold in THRESHOLDS]
    return float(np.average(f1, weights=THRESHOLDS))


def _ratios(depth: FloatArray) -> Iterator[FloatArray]:
    """Yield the ratios of neighbours' depths, for each of the four sides of the farther pixel."""
    with np.errstate(divide="ignore", invalid="ignore"):
        for a, b in ((depth[:, 1:], depth[:, :-1]), (depth[1:], depth[:-1])):
            yield a / b
            yield b / a


def _f1(sides: list[tuple[FloatArray, FloatArray]], threshold: float) -> float:
    precision = recall = 0.0
    for predicted, truth in sides:
        # NaN compares false: pixels without truth have no contour in either map.
        positive, true = (predicted > threshold) & np.isfinite(truth), truth > threshold
        precision += _share(positive & true, positive) / len(sides)
        recall += _share(positive & true, true) / len(sides)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _share(part: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> float:
    return float(part.sum() / max(int(of.sum()), 1))
