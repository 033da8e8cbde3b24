"""Depth Pro (arXiv 2410.02073): metric depth, with an estimate of the focal length."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import ModelEntry, Output, Prediction, Raw
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.transformers_model import TransformersModel

# Clamps of canonical inverse depth in transformers' DepthProImageProcessor.
_LEAST, _GREATEST = 1e-4, 1e4


class DepthAndFov(nn.Module):
    """A transformers DepthPro whose forward returns tensors.

    These are the canonical inverse depth (B, h, w) and, if the checkpoint estimates it, the
    horizontal field of view in degrees (B,).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Raw:
        """Return inverse depth, and the field of view if estimated, for (B, 3, h, w)."""
        output: Any = self.network(pixels)
        if output.field_of_view is None:
            inverse: Tensor = output.predicted_depth
            return inverse
        return output.predicted_depth, output.field_of_view


class DepthPro(TransformersModel):
    """Any checkpoint of transformers' DepthProForDepthEstimation.

    The network outputs canonical inverse depth c; depth is f / (width c), with f and width of the
    same image (section 3.2). Only the horizontal focal length is used, because all images are
    resized to squares.
    """

    network_class = "DepthProForDepthEstimation"
    processor = Preprocessing(1536, 1536, multiple=1, fit="warp", pad=False, resize="bilinear")
    wrapper = DepthAndFov
    cell = 0
    one_by_one = True
    raw_names = ("values", "fov_deg")

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Return metres at the estimated focal length, as DepthProImageProcessor does.

        Canonical inverse depth at the lower clamp is beyond range, +inf. Without an estimate,
        metres assume a focal length equal to the image's width (training_f_px).
        """
        inverse, fov_deg = (raw, None) if isinstance(raw, Tensor) else raw
        f_px = None
        if fov_deg is not None:
            f_px = 0.5 * width / torch.tan(0.5 * torch.deg2rad(fov_deg))
            inverse = inverse * (width / f_px)[:, None, None]
        inverse = self.preprocessing.restore(inverse, height, width, mode="bilinear")
        depth_m = 1 / inverse.clamp(_LEAST, _GREATEST)
        depth_m = depth_m.masked_fill(inverse <= _LEAST, math.inf)
        return Prediction(depth_m, self.entry.output, f_px)

    def network_f_px(self, camera: Camera) -> float:
        """Return the camera's horizontal focal length after the resize."""
        return camera.fx * self.preprocessing.scale(camera.height, camera.width)[1]

    def _training_f_px(self, config: Any) -> float | None:
        return None if config.use_fov_model else float(self.preprocessing.width)


ENTRIES = (
    ModelEntry(
        name="depth-pro",
        family="depth_pro",
        source="apple/DepthPro-hf",
        output=Output.METRIC_DEPTH,
        licence="apple-amlr",
        commercial=False,
        parameters_m=952,
        preprocessing=DepthPro.processor,
        note="everywhere; estimates the focal length; research only",
    ),
)
