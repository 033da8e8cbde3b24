"""How well a depth map's contours lie where the truth's do: Depth Pro's boundary F1."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from depth_ros.evaluation.metrics import known

THRESHOLDS = np.linspace(1.05, 1.25, 10)
"""Ratios of two neighbours' depths from which on one occludes the other."""


def boundary_f1(depth_m: npt.ArrayLike, truth_m: npt.ArrayLike) -> float:
    """Return the scale-invariant boundary F1, 0 to 1, of depth (H, W) whose truth is dense.

    An occluding contour runs between two neighbours whose depths' ratio is above a threshold; the
    farther one's side (left, right, above, below) belongs to it. Precision and recall are means
    over the four sides, F1 is their harmonic mean, and thresholds weigh as much as they are large.
    Neighbours without truth do not count.

    Source: Depth Pro (arXiv 2410.02073), SI_boundary_F1 of its published code. Non-maximum
    suppression is there only in the recall for segmentation masks, not in this score.
    """
    depth, truth = np.asarray(depth_m, np.float64), np.asarray(truth_m, np.float64)
    truth = np.where(known(truth), truth, np.nan)
    sides = list(zip(_ratios(depth), _ratios(truth), strict=True))
    f1 = [_f1(sides, threshold) for threshold in THRESHOLDS]
    return float(np.average(f1, weights=THRESHOLDS))


def _ratios(depth: npt.NDArray[np.float64]) -> Iterator[npt.NDArray[np.float64]]:
    """Yield the ratios of neighbours' depths, for the four sides that may be the farther one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        for a, b in ((depth[:, 1:], depth[:, :-1]), (depth[1:], depth[:-1])):
            yield a / b
            yield b / a


def _f1(
    sides: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]], threshold: float
) -> float:
    precision = recall = 0.0
    for predicted, truth in sides:
        # NaN compares false: what has no truth is no contour of either map.
        said, there = (predicted > threshold) & np.isfinite(truth), truth > threshold
        precision += _share(said & there, said) / len(sides)
        recall += _share(said & there, there) / len(sides)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _share(part: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> float:
    return float(part.sum() / max(int(of.sum()), 1))
