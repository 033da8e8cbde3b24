"""The networks of the whole-frame benchmark: random weights, published sizes; a tiny one to try."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import (
    AutoImageProcessor,
    DepthAnythingForDepthEstimation,
    ZoeDepthConfig,
    ZoeDepthForDepthEstimation,
)

from benchmarks import network
from depth_ros import models
from depth_ros.export import ExportOptions, export
from depth_ros.models import DepthModel
from depth_ros.models.base import ModelEntry, Output
from depth_ros.models.depth_anything import DepthAnything
from depth_ros.models.zoedepth import Preprocessing, ZoeDepth, tiny_network


class Size(NamedTuple):
    """A network for both ways.

    Attributes:
        name: its name.
        stock: transformers' own network.
        preprocessor: its preprocessor_config.json.
        model: this package's model around the same network.
    """

    name: str
    stock: Any
    preprocessor: dict[str, Any]
    model: DepthModel

    @property
    def processor(self) -> Any:
        """Return transformers' image processor for it."""
        with tempfile.TemporaryDirectory() as folder:
            _write_preprocessor(self.preprocessor, folder)
            return AutoImageProcessor.from_pretrained(folder)

    def exported(self, width: int, height: int, folder: Path) -> DepthModel:
        """Export the network for one image size into a folder, and load it from there."""
        self.stock.save_pretrained(folder)
        _write_preprocessor(self.preprocessor, folder)
        rules, path = self.model.preprocessing, folder / "exported.onnx"
        export(
            str(folder), path, ExportOptions(rules.network_size(*rules.padded_size(height, width)))
        )
        model = models.load(str(path))
        assert isinstance(model, DepthModel)
        return model


def small() -> Size:
    """Return metric Depth Anything V2-S, 24.8 M parameters."""
    config = network.config()
    config.depth_estimation_type, config.max_depth = "metric", 20
    stock = DepthAnythingForDepthEstimation(config).eval()
    entry = models.find("depth-anything-v2-metric-indoor-small")
    assert entry.preprocessing is not None
    preprocessor = {
        "image_processor_type": "DPTImageProcessor",
        "size": {"height": network.SIDE, "width": network.SIDE},
        "ensure_multiple_of": 14,
        "keep_aspect_ratio": True,
        "resample": 3,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }
    model = DepthAnything.of(entry, stock, entry.preprocessing)
    return Size("Depth Anything V2-S", stock, preprocessor, model)


def large() -> Size:
    """Return ZoeDepth with BEiT-L, 344 M parameters."""
    config = ZoeDepthConfig(neck_hidden_sizes=[256, 512, 1024, 1024])  # as Intel/zoedepth-nyu has
    stock = ZoeDepthForDepthEstimation(config).eval()
    entry = models.find("zoedepth-nyu")
    preprocessor = {
        "image_processor_type": "ZoeDepthImageProcessor",
        "size": {"height": 384, "width": 512},
        "ensure_multiple_of": 32,
    }
    model = ZoeDepth.of(entry, stock, entry.preprocessing or ZoeDepth.processor)
    return Size("ZoeDepth", stock, preprocessor, model)


def tiny() -> Size:
    """Return a ZoeDepth of less than a million parameters, which shows that a benchmark runs."""
    torch.manual_seed(0)
    stock: Any = tiny_network(64, 48, 60.0, 20.0).eval()
    preprocessor = {
        "image_processor_type": "ZoeDepthImageProcessor",
        "size": {"height": 96, "width": 128},
        "ensure_multiple_of": 32,
    }
    entry = ModelEntry("tiny", "zoedepth", "", Output.METRIC_DEPTH, "Apache-2.0", True)
    model = ZoeDepth.of(entry, stock, Preprocessing(96, 128, 32))
    return Size("tiny", stock, preprocessor, model)


PUBLISHED = ("small", "large")
SIZES: dict[str, Callable[[], Size]] = {"small": small, "large": large, "tiny": tiny}


def _write_preprocessor(preprocessor: dict[str, Any], folder: str | Path) -> None:
    Path(folder, "preprocessor_config.json").write_text(json.dumps(preprocessor))
