"""Measured times per frame, which help to choose a model."""

from __future__ import annotations

from typing import Literal

Device = Literal["cpu", "cuda"]

HARDWARE: dict[Device, str] = {
    "cpu": "two cores of an AMD EPYC, float32, torch",
    "cuda": "one NVIDIA H200, float16",
}
"""The hardware on which FRAME_MS was measured."""

FRAME_MS: dict[Device, dict[str, float]] = {
    "cpu": {
        # benchmarks.live at 10 Hz, and for grin-tiny `depth_ros demo`: through the node.
        "zoedepth-lite": 36,
        "grin-tiny": 73,
        # benchmarks.whole: from Image to depth image and cloud.
        "depth-anything-v2-small": 793,
        "depth-anything-v2-metric-indoor-small": 793,
        "depth-anything-v2-metric-outdoor-small": 793,
        "zoedepth-nyu": 3497,
    },
    "cuda": {
        # benchmarks.gpu: whole frames one by one, see docs/gpu.md.
        "depth-anything-v2-small": 5.8,
        "depth-anything-v2-metric-indoor-small": 5.8,
        "depth-anything-v2-metric-outdoor-small": 5.8,
        "depth-anything-v2-base": 10,
        "depth-anything-v2-metric-indoor-base": 10,
        "depth-anything-v2-metric-outdoor-base": 10,
        "zoedepth-nyu": 18,
    },
}
"""Milliseconds of a whole frame of 640x480 by model, including its depth image and cloud.

Networks of equal size share their time: those of Depth Anything V2 differ only in the last
activation. A model that is missing here was not measured.
"""

CPU_MOST_M = 50.0
"""Millions of parameters: a rule of thumb for the largest model worth trying on a robot's CPU."""


def order(name: str, parameters_m: float, device: Device) -> tuple[bool, float]:
    """Return a sort key for models: measured ones first, fastest first; then others by size."""
    measured = FRAME_MS[device].get(name)
    return (measured is None, parameters_m if measured is None else measured)
