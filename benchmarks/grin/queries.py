"""Requests for fewer pixels: their cost, and the difference of their results."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from benchmarks.grin.frames import View, pipeline
from benchmarks.timing import Spread
from depth_ros.pipeline import Estimate, Pipeline, Wanted

STRIDES = (1, 2, 4, 8, 16)


class Asked(NamedTuple):
    """Time of a request for every n-th pixel and row, and its difference from all pixels.

    Attributes:
        pixels: number of requested pixels.
        ms: per frame.
        median, worst: relative difference of depth from the request for all pixels.
    """

    pixels: int
    ms: Spread
    median: float
    worst: float


def measure(model: str, seen: View, repeats: int, steps: int = 0) -> list[Asked]:
    """Request all pixels of a frame, then fewer."""
    whole = pipeline(model, grin_query_stride=1, grin_steps=steps)
    dense_m = whole(seen.frame).depth_m.cpu().numpy()
    found = []
    for stride in STRIDES:
        subject = pipeline(model, grin_query_stride=1, stride=stride, grin_steps=steps)
        estimates, ms = _timed(subject, seen, repeats)
        depth_m = subject.measure(estimates[0]).depth_m.cpu().numpy()
        known_m = dense_m[::stride, ::stride]
        off = np.abs(depth_m - known_m) / known_m
        found.append(Asked(depth_m.size, ms, float(np.median(off)), float(off.max())))
    return found


def _timed(subject: Pipeline, seen: View, repeats: int) -> tuple[list[Estimate], Spread]:
    estimates, ms = [], []
    for _ in range(1 + repeats):
        start_s = time.perf_counter()
        estimates.append(subject.predict(seen.frame, wanted=Wanted.of(["points"])))
        ms.append(1e3 * (time.perf_counter() - start_s))
    return estimates, Spread.of(np.array(ms[1:]))


def table(model: str, seen: View, repeats: int = 3) -> str:
    """Return cost and agreement for every stride."""
    lines = [
        f"{'stride':>7}{'pixels':>9}{'ms, median':>12}{'us a pixel':>12}   off, median and worst"
    ]
    for stride, asked in zip(STRIDES, measure(model, seen, repeats), strict=True):
        lines.append(
            f"{stride:>7}{asked.pixels:>9}{asked.ms.median:>12.0f}"
            f"{1e3 * asked.ms.median / asked.pixels:>12.1f}"
            f"{asked.median:>12.2%}{asked.worst:>9.2%}"
        )
    return "\n".join(lines)
