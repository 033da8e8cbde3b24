"""Depth carried from frame to frame: accuracy, flicker and steps on drives."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from benchmarks.grin.frames import drives, pipeline, view
from benchmarks.timing import Spread
from depth_ros.evaluation import metrics
from depth_ros.evaluation.temporal import View as Posed
from depth_ros.evaluation.temporal import temporal_alignment_error
from depth_ros.pipeline import Pipeline
from depth_ros.training.scenes import Drive

ALONE, CARRIED = (8, 4, 2, 1), (4, 2, 1)


class Flicker(NamedTuple):
    """Scores of a pipeline on drives: AbsRel, TAE [%] and time per frame."""

    abs_rel: float
    tae: float
    ms: Spread


def measure(subject: Pipeline, seen: Sequence[Drive], frames: int) -> Flicker:
    """Score a pipeline on the first frames of drives at 10 Hz, drive after drive."""
    errors, taes, ms = [], [], []
    for index, drive in enumerate(tqdm(seen, desc="drive", leave=False)):
        before: Posed | None = None
        for step in range(frames):
            frame, truth_m = view(drive, step, seed=1000 * index + step)
            start_s = time.perf_counter()
            depth_m = subject(frame).depth_m.cpu().numpy()
            ms.append(1e3 * (time.perf_counter() - start_s))
            errors.append(metrics.score(depth_m, truth_m).abs_rel)
            now = Posed(depth_m, drive.camera, drive.poses[step].world_from_optical())
            if before is not None:
                taes.append(temporal_alignment_error(before, now))
            before = now
    return Flicker(float(np.mean(errors)), float(np.mean(taes)), Spread.of(np.array(ms)))


def table(model: str, count: int, frames: int) -> str:
    """Return scores of each frame alone and of carrying, by steps."""
    seen = drives(count, frames)
    lines = [f"{'frames':<18}{'steps':>6}{'AbsRel':>9}{'TAE %':>8}{'ms, median':>12}"]
    for name, carry, choices in (("each alone", False, ALONE), ("carried on", True, CARRIED)):
        for steps in choices:
            found = measure(pipeline(model, grin_steps=steps, grin_carry=carry), seen, frames)
            lines.append(
                f"{name:<18}{steps:>6}{found.abs_rel:>9.3f}{found.tae:>8.2f}{found.ms.median:>12.0f}"
            )
    return "\n".join(lines)
