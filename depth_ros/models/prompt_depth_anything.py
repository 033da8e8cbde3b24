"""Prompt Depth Anything (arXiv 2412.14015): metric depth from an image and a coarse depth map."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from depth_ros.models.base import Executor, ModelEntry, Output, Prediction, Request
from depth_ros.models.dpt import Dpt
from depth_ros.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from depth_ros.models.transformers_model import TransformersModel

END = 0.01
"""Fraction of the prompt's range at each end in which an output is not an estimate.

The head is a sigmoid between the minimum and maximum depth of the prompt. Surfaces nearer or
farther than all anchors saturate at these ends, where they would look like a wall.
"""
_STEP = 1 / 64  # exact in every precision


class Prompted(nn.Module):
    """A transformers network that takes a depth prompt and returns just the predicted map.

    The network scales the prompt to 0 to 1 by its minimum and maximum, and scales its output back.
    A prompt with a single value would divide by zero: one corner of it is made deeper by 1/64.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor, prompt_depth_m: Tensor) -> Tensor:
        """Return the map (B, h, w) for images (B, 3, h, w) and prompts (B, 1, h', w') in metres."""
        depth_m: Tensor = self.network(pixels, prompt_depth=stepped(prompt_depth_m)).predicted_depth
        return depth_m


def stepped(prompt_depth_m: Tensor) -> Tensor:
    """Return prompts (B, 1, h, w); those with a single value get a step in one corner."""
    flat = prompt_depth_m.amax((1, 2, 3)) == prompt_depth_m.amin((1, 2, 3))
    prompt = prompt_depth_m.clone()
    corner = prompt[:, 0, 0, 0]
    prompt[:, 0, 0, 0] = torch.where(flat, corner * (1 + _STEP), corner)
    return prompt


def within(depth_m: Tensor, prompt_depth_m: Tensor) -> Tensor:
    """Return depth (B, H, W), limited to the range of its prompt (B, 1, h, w).

    At the far end of the range it becomes +inf, at the near end NaN (REP 117): there an obstacle
    may be nearer by any distance.
    """
    prompt = stepped(prompt_depth_m)
    near_m, far_m = prompt.amin((1, 2, 3)), prompt.amax((1, 2, 3))
    share = (depth_m - near_m[:, None, None]) / (far_m - near_m)[:, None, None]
    return depth_m.masked_fill(share >= 1 - END, math.inf).masked_fill(share <= END, math.nan)


class PromptDepthAnything(TransformersModel):
    """Any checkpoint of transformers' PromptDepthAnythingForDepthEstimation.

    Its metres are those of the prompt, independent of the focal length. prompt_size is the size of
    the ARKit depth that the published checkpoints were trained with.
    """

    network_class = "PromptDepthAnythingForDepthEstimation"
    processor = Dpt.processor  # PromptDepthAnythingImageProcessor treats images in the same way
    wrapper = Prompted
    prompt_size = (192, 256)

    def infer(self, execute: Executor, rgb: Tensor, request: Request) -> Prediction:
        """Return the prediction, limited to the range of the prompts."""
        prediction = super().infer(execute, rgb, request)
        assert request.prompts is not None
        prompts = request.prompts.to(prediction.values.device)
        return replace(prediction, values=within(prediction.values, prompts))


def _entry(size: str, parameters_m: float) -> ModelEntry:
    return ModelEntry(
        name=f"prompt-depth-anything-{size}",
        family="prompt_depth_anything",
        source=f"depth-anything/prompt-depth-anything-vit{size[0]}-hf",
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0",
        commercial=True,
        parameters_m=parameters_m,
        preprocessing=replace(
            PromptDepthAnything.processor,
            height=756,
            width=756,
            multiple=14,
            fit="minimal",
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
        ),
        place="indoor",
        note="indoors; needs coarse depth from another sensor",
    )


ENTRIES = (_entry("small", 25.1), _entry("large", 340))
