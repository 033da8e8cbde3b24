"""Metric3D v2 as a depth model."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import ModelEntry, Prediction, Raw
from depth_ros.models.metric3d.letterbox import CANVAS, Box, placed
from depth_ros.models.published_graph import PublishedGraph, outputs
from depth_ros.runtimes.graph import Graph

_CANONICAL_F_PX = 1000.0


class Metric3d(PublishedGraph):
    """An ONNX file: depth for a camera with a focal length of 1000 px, at the canvas's size.

    Its normals are not used, nor its confidence, which is not a probability. Depth that is not
    positive becomes NaN.
    """

    inputs = (("pixel_values", (None, 3, *CANVAS)),)
    files = ("onnx/model.onnx", "model.onnx")

    def __init__(self, entry: ModelEntry, graph: Graph) -> None:
        super().__init__(entry, graph)
        self.training_f_px = _CANONICAL_F_PX

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """Return None: images of any size are resized to fit the graph."""
        return None

    def preprocess(self, rgb: Tensor) -> Tensor:
        """Place uint8 images (B, H, W, 3) on the canvas: float32 (B, 3, *CANVAS)."""
        return placed(rgb)

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Crop the image from maps of canonical depth, and resize it."""
        depth = outputs(raw, 1, "canonical depth")[0]
        cut = Box.of(height, width).cut(depth.reshape(-1, *depth.shape[-2:]))
        values = functional.interpolate(cut[:, None], (height, width), mode="bilinear")[:, 0]
        return Prediction(values.masked_fill(~(values > 0), math.nan), self.entry.output)

    def network_f_px(self, camera: Camera) -> float:
        """Return a camera's focal length in pixels of the canvas."""
        return camera.f_px * Box.of(camera.height, camera.width).scale
