"""The objective of networks that learn depth of a canonical camera from mixed sources."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.models.preprocessing import Preprocessing
from depth_ros.training import losses
from depth_ros.training.frames import Batch

_NEAR_M = 1e-3


@dataclass(frozen=True)
class LogDepth:
    """Loss on the logarithm of depth, per image, because sources differ in scale and in labels.

    The network learns depth as if every camera had its training focal length (the canonical
    camera of Metric3D, arXiv 2307.10984): truth is multiplied by f_training / f_camera.

    Attributes:
        preprocessing: how the network's images are normalised.
        training_f_px: the canonical focal length, in pixels of the network's input.
        shape_weight: of the standard deviation of the log error, which ignores scale.
        scale_weight: of the absolute mean of the log error, which is the error of scale.
        error_weight: of the mean absolute log error.
        gradient_weight: of log-gradient matching at four scales (MiDaS, arXiv 1907.01341).
    """

    preprocessing: Preprocessing
    training_f_px: float
    shape_weight: float = 1.0
    scale_weight: float = 0.3
    error_weight: float = 0.5
    gradient_weight: float = 0.25

    def __call__(self, network: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the loss, which is deterministic."""
        depth_m = self.predict(network, batch)
        truth_m = batch.canonical_m(self.training_f_px)
        valid = torch.isfinite(truth_m) & (truth_m > _NEAR_M)
        truth_m = truth_m.masked_fill(~valid, 1.0)
        residual = (torch.log(depth_m.clamp(min=_NEAR_M)) - torch.log(truth_m)) * valid
        mean, deviation, error = losses.per_image(residual, valid)
        return (
            self.shape_weight * deviation.mean()
            + self.scale_weight * mean.abs().mean()
            + self.error_weight * error.mean()
            + self.gradient_weight * losses.gradient(residual, valid)
        )

    def predict(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return canonical depth (B, H, W) at the images' size, in float32."""
        depth_m = network(self.preprocessing.normalised(batch.rgb)).float()
        return functional.interpolate(depth_m[:, None], batch.rgb.shape[1:3], mode="bilinear")[:, 0]
