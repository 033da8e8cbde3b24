"""Depth models: the registry, loading, and one interface for all of them."""

from __future__ import annotations

from depth_ros.models.base import DepthModel, ModelEntry, Output, Prediction, Raw
from depth_ros.models.check import CheckReport, check
from depth_ros.models.clip_model import ClipModel
from depth_ros.models.depthcrafter.options import ClipOptions
from depth_ros.models.embedded import WEIGHTS
from depth_ros.models.loading import convert, find, load, load_clip
from depth_ros.models.registry import CLIP_FAMILIES, FAMILIES, MODELS, select
from depth_ros.models.speed import HARDWARE, Device
from depth_ros.models.table import frame_ms, memory, table

__all__ = [
    "CLIP_FAMILIES",
    "FAMILIES",
    "HARDWARE",
    "MODELS",
    "WEIGHTS",
    "CheckReport",
    "ClipModel",
    "ClipOptions",
    "DepthModel",
    "Device",
    "ModelEntry",
    "Output",
    "Prediction",
    "Raw",
    "check",
    "convert",
    "find",
    "frame_ms",
    "load",
    "load_clip",
    "memory",
    "select",
    "table",
]
