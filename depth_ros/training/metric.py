"""The objective of networks that predict metric depth directly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from depth_ros.training import losses
from depth_ros.training.frames import Batch


@dataclass(frozen=True)
class MetricDepth:
    """Loss of a transformers network on a batch of the network's size and focal length.

    The network learns depth as if every camera had its training focal length: truth is multiplied
    by f_training / f_camera, and inference multiplies by the inverse (the canonical camera of
    Metric3D, arXiv 2307.10984). So the network need not know the lens.

    Attributes:
        training_f_px: that focal length, at the frames' size.
        gradient_weight: weight of the log-depth gradient term; SILog has weight 1.
        mean_weight: weight of scale in SILog, see losses.silog.
        affine_weight: weight of the scale-and-shift-invariant loss on inverse depth, for labels
            that are correct up to scale and shift.
    """

    training_f_px: float
    gradient_weight: float = 0.5
    mean_weight: float = 0.5
    affine_weight: float = 0.0

    def __call__(self, network: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the loss, which is deterministic."""
        pixels = batch.rgb.permute(0, 3, 1, 2).float() / 127.5 - 1
        truth_m = batch.canonical_m(self.training_f_px)
        return self.loss(network(pixels).predicted_depth, truth_m)

    def loss(self, depth_m: Tensor, truth_m: Tensor) -> Tensor:
        """Return the weighted sum of losses over the pixels with truth, both (B, H, W).

        The losses are SILog, log-gradient matching and, if weighted, the affine-invariant loss.
        """
        valid = torch.isfinite(truth_m) & (truth_m > 0)
        depth_m, truth_m = depth_m.float() + 1e-6, truth_m.masked_fill(~valid, 1.0) + 1e-6
        residual = (torch.log(depth_m) - torch.log(truth_m)).masked_fill(~valid, 0)
        loss = losses.silog(depth_m, truth_m, valid, self.mean_weight)
        loss = loss + self.gradient_weight * losses.gradient(residual, valid)
        if self.affine_weight:
            affine = losses.affine_invariant(1 / depth_m, 1 / truth_m, valid)
            loss = loss + self.affine_weight * affine
        return loss
