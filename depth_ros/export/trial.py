"""The images that torch and an exported network must agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import DepthModel, Executor, Prediction, Request


@dataclass(frozen=True)
class Trial:
    """Images of one camera.

    Attributes:
        rgb: uint8 (B, H, W, 3).
        camera: that took them.
    """

    rgb: Tensor
    camera: Camera


def trials(model: DepthModel, size: tuple[int, int] | None) -> list[Trial]:
    """Return images that a network of this size is tried with.

    Of an open size there are two, the second as a batch: what froze shows there.

    Raises:
        ModelError: no image comes to this size.
    """
    rules = model.preprocessing
    if size is not None:
        return [_trial(*rules.image_size(*size), 2)]
    height, width = rules.height, rules.width
    if rules.resize == "none":
        height, width = min(height, width) // 2, min(height, width)
    return [_trial(height, width, 1), _trial(height, 2 * width, 2)]


def answers(model: DepthModel, execute: Executor, tried: Sequence[Trial]) -> list[Prediction]:
    """Return what a model says of images; one by one where others of a batch change the answer."""
    if not model.batches:
        tried = [Trial(rgb, each.camera) for each in tried for rgb in each.rgb.split(1)]
    with torch.inference_mode():
        return [model.infer(execute, each.rgb, _request(model, each)) for each in tried]


def _request(model: DepthModel, trial: Trial) -> Request:
    count, prompts = len(trial.rgb), None
    if model.prompt_size is not None:
        floor = torch.linspace(5, 1, model.prompt_size[0])
        prompts = floor[None, None, :, None].repeat(count, 1, 1, model.prompt_size[1])
    return Request([trial.camera] * count, prompts)


def _trial(height: int, width: int, count: int) -> Trial:
    """Return images of gradients with a bright box in them, each its own."""
    row = torch.linspace(40, 200, height)[:, None].expand(height, width)
    column = torch.linspace(0, 55, width)[None].expand(height, width)
    image = torch.stack([row + column, row, 255 - row], dim=-1)
    image[height // 3 : 2 * height // 3, width // 4 : width // 2] = 250
    images = [image.roll(37 * index, dims=1) for index in range(count)]
    return Trial(torch.stack(images).to(torch.uint8), Camera.from_fov(width, height, 60.0))
