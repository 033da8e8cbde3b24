"""MoGe-2's published checkpoints."""

from __future__ import annotations

from dataclasses import replace

from depth_ros.models.base import ModelEntry, Output
from depth_ros.models.moge.checkpoint import MODEL_TYPE
from depth_ros.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

PUBLISHED = "moge_onnx"
"""The family of the authors' ONNX files."""

PREPROCESSING = Preprocessing(
    height=840,
    width=840,
    multiple=14,
    fit="area",
    pad=False,
    resize="bilinear_antialias",
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
)
"""As upstream's infer() by default: 3600 cells of 14 px."""

_LICENCE = "MIT (the repository's; its card was not seen)"
_NOTE = "everywhere; with the camera's focal length, sky apart"


def _moge(name: str, source: str, parameters_m: float) -> ModelEntry:
    return ModelEntry(
        name=f"moge-2-{name}",
        family=MODEL_TYPE,
        source=f"Ruicheng/moge-2-{source}",
        output=Output.METRIC_DEPTH,
        licence=_LICENCE,
        commercial=True,
        parameters_m=parameters_m,
        preprocessing=PREPROCESSING,
        note=_NOTE,
    )


def _onnx(name: str, source: str, parameters_m: float) -> ModelEntry:
    """Return the entry of an ONNX file; it takes images of any size and resizes them itself."""
    return replace(
        _moge(f"{name}-onnx", f"{source}-onnx", parameters_m),
        family=PUBLISHED,
        preprocessing=Preprocessing(
            multiple=1, pad=False, resize="none", mean=(0.0,) * 3, std=(1.0,) * 3
        ),
        note=f"moge-2-{name} for ONNX Runtime, as its authors publish it",
    )


ENTRIES = (
    _moge("small", "vits-normal", 35),
    _moge("base", "vitb-normal", 104),
    _moge("large", "vitl", 326),
    _moge("large-normal", "vitl-normal", 331),
    _onnx("small", "vits-normal", 35),
    _onnx("base", "vitb-normal", 104),
    _onnx("large-normal", "vitl-normal", 331),
)
