"""Evenly selected frames of a recording."""

from __future__ import annotations

from depth_ros.evaluation.datasets.sample import Sample, Samples


def evenly(samples: Samples, most: int) -> list[Sample]:
    """Return at most this many samples, each the same number of frames after the last one."""
    every = list(samples)
    return every[:: max(1, len(every) // most)][:most]
