"""The test images for which torch and an exported network must agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import DepthModel, Executor, Prediction, Request
from depth_ros.models.check import floor_m, room


@dataclass(frozen=True)
class Trial:
    """Test images of one camera.

    Attributes:
        rgb: uint8 (B, H, W, 3).
        camera: of the images.
    """

    rgb: Tensor
    camera: Camera


def trials(model: DepthModel, size: tuple[int, int] | None) -> list[Trial]:
    """Return test images for a network of this size.

    For a dynamic size, there are two sizes, the second as a batch: a size or batch that the export
    made constant fails there.

    Raises:
        ModelError: no image is resized to this size.
    """
    rules = model.preprocessing
    if size is not None:
        return [_trial(*rules.image_size(*size), 2)]
    height, width = rules.height, rules.width
    if rules.resize == "none":
        height, width = min(height, width) // 2, min(height, width)
    return [_trial(height, width, 1), _trial(height, 2 * width, 2)]


def answers(model: DepthModel, execute: Executor, tried: Sequence[Trial]) -> list[Prediction]:
    """Return a model's predictions; one by one if images of a batch affect each other."""
    if not model.batches:
        tried = [Trial(rgb, each.camera) for each in tried for rgb in each.rgb.split(1)]
    with torch.inference_mode():
        return [model.infer(execute, each.rgb, _request(model, each)) for each in tried]


def _request(model: DepthModel, trial: Trial) -> Request:
    count, prompts = len(trial.rgb), None
    if model.prompt_size is not None:
        prompts = floor_m(*model.prompt_size).repeat(count, 1, 1, 1)
    return Request([trial.camera] * count, prompts)


def _trial(height: int, width: int, count: int) -> Trial:
    """Return test images, each shifted by another number of columns."""
    images = [room(height, width).roll(37 * index, dims=2) for index in range(count)]
    return Trial(torch.cat(images), Camera.from_fov(width, height, 60.0))
