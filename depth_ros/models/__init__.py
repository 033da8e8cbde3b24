"""Every depth model behind one name."""

from __future__ import annotations

from depth_ros.models.base import DepthModel, ModelEntry, Output, Prediction, Raw
from depth_ros.models.check import Report, check
from depth_ros.models.loading import FAMILIES, find, load
from depth_ros.models.registry import MODELS, WEIGHTS, table

__all__ = [
    "FAMILIES",
    "MODELS",
    "WEIGHTS",
    "DepthModel",
    "ModelEntry",
    "Output",
    "Prediction",
    "Raw",
    "Report",
    "check",
    "find",
    "load",
    "table",
]
