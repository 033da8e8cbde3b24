"""Scores of a network on held-out frames, during training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from depth_ros.geometry.depth import RIGHT
from depth_ros.training.frames import Batch
from depth_ros.training.log_depth import LogDepth


@dataclass(frozen=True)
class ValidationScores:
    """Means over images: AbsRel, share within a factor of 1.25, AbsRel after median scaling."""

    abs_rel: float
    delta1: float
    scaled_abs_rel: float


@torch.inference_mode()
def validate(network: nn.Module, objective: LogDepth, batches: Sequence[Batch]) -> ValidationScores:
    """Score a network on batches of its own size, on its device."""
    was_training = network.training
    network.eval()
    rows = torch.cat([_score(network, objective, batch) for batch in batches])
    network.train(was_training)
    return ValidationScores(*(float(mean) for mean in rows.nanmean(dim=0)))


def _score(network: nn.Module, objective: LogDepth, batch: Batch) -> Tensor:
    """Return the scores of each image, (B, 3); NaN without truth."""
    depth_m = objective.predict(network, batch)
    truth_m = batch.canonical_m(objective.training_f_px)
    hidden = ~(torch.isfinite(truth_m) & (truth_m > 0))
    ratio = (depth_m / truth_m).masked_fill(hidden, torch.nan).flatten(1)
    right = torch.maximum(ratio, 1 / ratio) < RIGHT
    scaled = ratio / ratio.nanmedian(dim=1, keepdim=True).values
    delta1 = right.float().masked_fill(ratio.isnan(), torch.nan)
    columns = ((ratio - 1).abs(), delta1, (scaled - 1).abs())
    return torch.stack([column.nanmean(dim=1) for column in columns], dim=1)
