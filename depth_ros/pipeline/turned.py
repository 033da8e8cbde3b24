"""Images and predictions, rotated by quarter turns."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.models import Prediction


def quarter_turns(settings: Settings) -> int:
    """Return the number of clockwise quarter turns of images for the network."""
    return settings.rotate // 90


def rotated(images: Tensor, turns: int) -> Tensor:
    """Rotate images (B, H, W, ...) clockwise by quarter turns."""
    return torch.rot90(images, -turns, (1, 2)).contiguous() if turns else images


def rotated_back(batch: Prediction, turns: int) -> Prediction:
    """Rotate the prediction of rotated images back to the camera's orientation."""
    if not turns:
        return batch
    size, confidence = batch.network_size, batch.confidence
    return replace(
        batch,
        values=rotated(batch.values, -turns),
        confidence=None if confidence is None else rotated(confidence, -turns),
        network_size=size[::-1] if size is not None and turns % 2 else size,
    )
