"""Metric3D v2's published ONNX files."""

from __future__ import annotations

from depth_ros.models.base import ModelEntry, Output
from depth_ros.models.preprocessing import Preprocessing

FAMILY = "metric3d"

_INPUT = Preprocessing(
    height=616,
    width=1064,
    multiple=1,
    fit="upper_bound",
    pad=False,
    resize="opencv",
    mean=(0.0,) * 3,
    std=(1 / 255,) * 3,
)
"""The size of the canvas for images, see letterbox; the graph normalises colours."""


def _metric3d(size: str, parameters_m: float) -> ModelEntry:
    return ModelEntry(
        name=f"metric3d-v2-{size}",
        family=FAMILY,
        source=f"onnx-community/metric3d-vit-{size}",
        output=Output.METRIC_DEPTH,
        licence="BSD-2-Clause code; its authors are to be asked for commercial use",
        commercial=False,
        parameters_m=parameters_m,
        max_depth_m=200,
        preprocessing=_INPUT,
        half_safe=False,
        note="everywhere; with the camera's focal length; ONNX Runtime only",
    )


ENTRIES = (_metric3d("small", 37.7), _metric3d("large", 413))
