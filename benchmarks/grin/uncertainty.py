"""Correlation of the spread of samples with errors of depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from benchmarks.grin.frames import View, pipeline
from depth_ros.geometry.depth import RIGHT

_EVERY = 7  # pixels: neighbours are correlated
Pixels = npt.NDArray[np.float32]


class Uncertainty(NamedTuple):
    """How well spread and confidence predict errors, over all pixels of all frames.

    Attributes:
        spearman: rank correlation of the samples' deviation [m] and the absolute error [m].
        abs_rel: over all pixels.
        confident_abs_rel: over the 80 % with most confidence.
        confidence, right: mean confidence, and the share within a factor of 1.25.
    """

    spearman: float
    abs_rel: float
    confident_abs_rel: float
    confidence: float
    right: float

    @property
    def gain(self) -> float:
        """Relative decrease of AbsRel without the 20 % least confident pixels."""
        return 1 - self.confident_abs_rel / self.abs_rel


def measure(model: str, seen: Sequence[View], steps: int, samples: int) -> Uncertainty:
    """Compare spread, confidence and error on frames."""
    from scipy.stats import spearmanr  # its import takes a second

    depth_m, truth_m, confidence, spread_m = _pixels(model, seen, steps, samples)
    error_m = np.abs(depth_m - truth_m)
    abs_rel = error_m / truth_m
    confident = confidence >= np.quantile(confidence, 0.2)
    ratio = np.maximum(depth_m / truth_m, truth_m / depth_m)
    return Uncertainty(
        float(spearmanr(spread_m, error_m).statistic),
        float(abs_rel.mean()),
        float(abs_rel[confident].mean()),
        float(confidence.mean()),
        float((ratio < RIGHT).mean()),
    )


def _pixels(
    model: str, seen: Sequence[View], steps: int, samples: int
) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Return depth, truth, confidence and spread of some pixels with truth of all frames."""
    subject = pipeline(model, grin_steps=steps, grin_samples=samples)
    # One sample each, with different noise: their deviation is the spread, in metres.
    others = [
        pipeline(model, grin_steps=steps, grin_samples=1, grin_seed=seed) for seed in range(samples)
    ]
    parts: list[list[Pixels]] = [[], [], [], []]
    for frame, truth_m in tqdm(seen, desc=f"{samples} samples", unit="frame", leave=False):
        depth = subject(frame)
        assert depth.confidence is not None
        drawn = np.stack([other(frame).depth_m.cpu().numpy() for other in others])
        depth_m, confidence = depth.depth_m.cpu().numpy(), depth.confidence.cpu().numpy()
        known = np.isfinite(truth_m)
        images = (depth_m, truth_m, confidence, drawn.std(axis=0, ddof=1))
        for part, image in zip(parts, images, strict=True):
            part.append(image[known][::_EVERY])
    depth_m, truth_m, confidence, spread_m = map(np.concatenate, parts)
    return depth_m, truth_m, confidence, spread_m


def table(model: str, seen: Sequence[View], steps: Sequence[int], samples: int) -> str:
    """Return how well spread and confidence predict errors, by steps."""
    lines = [
        f"{'steps':>6}{'samples':>9}{'Spearman':>10}{'AbsRel':>9}{'confident 80 %':>20}"
        f"{'less':>7}{'confidence':>12}{'within 1.25':>13}"
    ]
    for count in steps:
        found = measure(model, seen, count, samples)
        lines.append(
            f"{count:>6}{samples:>9}{found.spearman:>10.2f}{found.abs_rel:>9.3f}"
            f"{found.confident_abs_rel:>20.3f}{found.gain:>7.0%}"
            f"{found.confidence:>12.2f}{found.right:>13.2f}"
        )
    return "\n".join(lines)
