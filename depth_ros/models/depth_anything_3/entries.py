"""Depth Anything 3's published checkpoints for single images."""

from __future__ import annotations

from depth_ros.models.base import ModelEntry, Output
from depth_ros.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

FAMILY = "depth_anything_3"

PREPROCESSING = Preprocessing(
    height=504,
    width=504,
    multiple=14,
    fit="upper_bound",
    pad=False,
    resize="opencv",
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
)
"""As upstream's InputProcessor with its defaults."""


def _entry(name: str, source: str, output: Output, note: str) -> ModelEntry:
    return ModelEntry(
        name=f"depth-anything-3-{name}",
        family=FAMILY,
        source=f"depth-anything/{source}",
        output=output,
        licence="Apache-2.0",
        commercial=True,
        parameters_m=334.4,
        preprocessing=PREPROCESSING,
        # Upstream always runs the head in float32, for any precision of the encoder.
        half_safe=False,
        note=note,
    )


ENTRIES = (
    _entry(
        "metric-large",
        "DA3METRIC-LARGE",
        Output.METRIC_DEPTH,
        "everywhere; with the camera's focal length, sky apart",
    ),
    _entry("mono-large", "DA3MONO-LARGE", Output.AFFINE_DEPTH, "everywhere; sky apart"),
)
