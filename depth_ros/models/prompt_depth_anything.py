"""Prompt Depth Anything (arXiv 2412.14015): metres in an image, led by a coarse depth map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from depth_ros.models import preprocessing
from depth_ros.models.transformers_model import TransformersModel


class Prompted(nn.Module):
    """A transformers network that takes a depth prompt and returns just the predicted map.

    The network brings the prompt to 0 to 1 by its own least and greatest value and its answer back
    by the same two. A prompt with a single value would divide by zero: one corner of it is taken
    for a 64th deeper, which is a step in every precision.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor, prompt_depth_m: Tensor) -> Tensor:
        """Return the map (B, h, w) for images (B, 3, h, w) and prompts (B, 1, h', w') in metres."""
        flat = prompt_depth_m.amax((1, 2, 3)) == prompt_depth_m.amin((1, 2, 3))
        prompt = prompt_depth_m.clone()
        corner = prompt[:, 0, 0, 0]
        prompt[:, 0, 0, 0] = torch.where(flat, corner * (1 + 1 / 64), corner)
        depth_m: Tensor = self.network(pixels, prompt_depth=prompt).predicted_depth
        return depth_m


class PromptDepthAnything(TransformersModel):
    """Any checkpoint of transformers' PromptDepthAnythingForDepthEstimation.

    Its metres are those of the prompt: no focal length enters. prompt_size is that of the ARKit
    depth that the published checkpoints were trained with.
    """

    network_class = "PromptDepthAnythingForDepthEstimation"
    processor = preprocessing.DPT
    wrapper = Prompted
    prompt_size = (192, 256)
