"""Prompt Depth Anything (arXiv 2412.14015): metres in an image, led by a coarse depth map."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from depth_ros.models import preprocessing
from depth_ros.models.base import Executor, Prediction, Request
from depth_ros.models.transformers_model import TransformersModel

END = 0.01
"""Of the prompt's range: an answer that is this near to an end of it is none.

The head is a sigmoid between the least and the greatest depth of the prompt: what is nearer or
farther than all anchors piles up at the ends, a wall that nobody saw.
"""
_STEP = 1 / 64  # that is one in every precision


class Prompted(nn.Module):
    """A transformers network that takes a depth prompt and returns just the predicted map.

    The network brings the prompt to 0 to 1 by its own least and greatest value and its answer back
    by the same two. A prompt with a single value would divide by zero: one corner of it is taken
    for a 64th deeper.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor, prompt_depth_m: Tensor) -> Tensor:
        """Return the map (B, h, w) for images (B, 3, h, w) and prompts (B, 1, h', w') in metres."""
        depth_m: Tensor = self.network(pixels, prompt_depth=stepped(prompt_depth_m)).predicted_depth
        return depth_m


def stepped(prompt_depth_m: Tensor) -> Tensor:
    """Return prompts (B, 1, h, w), those of a single value with a step in one corner."""
    flat = prompt_depth_m.amax((1, 2, 3)) == prompt_depth_m.amin((1, 2, 3))
    prompt = prompt_depth_m.clone()
    corner = prompt[:, 0, 0, 0]
    prompt[:, 0, 0, 0] = torch.where(flat, corner * (1 + _STEP), corner)
    return prompt


def within(depth_m: Tensor, prompt_depth_m: Tensor) -> Tensor:
    """Return depth (B, H, W) where it lies inside of the range of its prompt (B, 1, h, w).

    At the far end of the range it is +inf, at the near end NaN (REP 117): nobody knows how much
    nearer an obstacle is there.
    """
    prompt = stepped(prompt_depth_m)
    near_m, far_m = prompt.amin((1, 2, 3)), prompt.amax((1, 2, 3))
    share = (depth_m - near_m[:, None, None]) / (far_m - near_m)[:, None, None]
    return depth_m.masked_fill(share >= 1 - END, math.inf).masked_fill(share <= END, math.nan)


class PromptDepthAnything(TransformersModel):
    """Any checkpoint of transformers' PromptDepthAnythingForDepthEstimation.

    Its metres are those of the prompt: no focal length enters. prompt_size is that of the ARKit
    depth that the published checkpoints were trained with.
    """

    network_class = "PromptDepthAnythingForDepthEstimation"
    processor = preprocessing.DPT
    wrapper = Prompted
    prompt_size = (192, 256)

    def infer(self, execute: Executor, rgb: Tensor, request: Request) -> Prediction:
        """Return what lies between the nearest and the farthest depth of the prompts."""
        prediction = super().infer(execute, rgb, request)
        assert request.prompts is not None
        prompts = request.prompts.to(prediction.values.device)
        return replace(prediction, values=within(prediction.values, prompts))
