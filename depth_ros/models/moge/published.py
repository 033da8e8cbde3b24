"""MoGe-2 in the ONNX files that its authors publish."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from torch import Tensor

from depth_ros.models.base import Executor, Prediction, Raw, Request
from depth_ros.models.moge.entries import PREPROCESSING
from depth_ros.models.moge.model import focal_of, metric
from depth_ros.models.published_graph import PublishedGraph, outputs

_CELL_PX = 16  # of the network's map, for each cell of its input
_TOKENS = PREPROCESSING.height * PREPROCESSING.width // PREPROCESSING.multiple**2


class PublishedMoge(PublishedGraph):
    """An ONNX file that takes images of any size, resizes them and remaps its points."""

    inputs = (("image", (None, 3, None, None)),)
    numbers = MappingProxyType({"num_tokens": _TOKENS})
    files = ("model.onnx",)
    asks_cameras = True

    def infer(self, execute: Executor, rgb: Tensor, request: Request) -> Prediction:
        """Return the prediction for images, with the focal lengths of their cameras."""
        raw = execute(self.preprocess(rgb))
        return self._prediction(raw, focal_of(request.cameras, execute.device))

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Return depth for unknown cameras, and the focal lengths estimated from the points."""
        return self._prediction(raw, None)

    def _prediction(self, raw: Raw, focal: Tensor | None) -> Prediction:
        points, *_, mask, scale = outputs(raw, 3, "points, mask and scale")
        said = metric(points, mask > 0.5, scale.reshape(-1), self.entry, focal)
        height, width = PREPROCESSING.network_size(*mask.shape[1:])
        rows, columns = (side // PREPROCESSING.multiple * _CELL_PX for side in (height, width))
        return replace(said, network_size=(rows, columns))
