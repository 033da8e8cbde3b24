"""Every depth model behind one name."""

from __future__ import annotations

from depth_ros.models.base import ClipModel, DepthModel, ModelEntry, Output, Prediction, Raw
from depth_ros.models.check import Report, check
from depth_ros.models.depthcrafter.options import ClipOptions
from depth_ros.models.loading import CLIP_FAMILIES, FAMILIES, find, load, load_clip
from depth_ros.models.pickles import convert
from depth_ros.models.registry import MODELS, WEIGHTS, select, table

__all__ = [
    "CLIP_FAMILIES",
    "FAMILIES",
    "MODELS",
    "WEIGHTS",
    "ClipModel",
    "ClipOptions",
    "DepthModel",
    "ModelEntry",
    "Output",
    "Prediction",
    "Raw",
    "Report",
    "check",
    "convert",
    "find",
    "load",
    "load_clip",
    "select",
    "table",
]
