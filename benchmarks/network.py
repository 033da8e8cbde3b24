"""The network that the rest is measured against: 25 million parameters, as robots run them."""

from __future__ import annotations

from torch import nn
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

from depth_ros.models.zoedepth import DepthOnly

SIDE = 518
"""Height and width of its input, Depth Anything's own."""
NAME = "Depth Anything V2-S, 24.8 M, random weights"


def build() -> nn.Module:
    """Return Depth Anything V2-S (arXiv 2406.09414) with random weights.

    They take as long as trained ones: how much there is to compute does not depend on them.
    """
    return DepthOnly(DepthAnythingForDepthEstimation(config()))


def config() -> DepthAnythingConfig:
    """Return its configuration, of the kind that gives inverse depth without a scale."""
    backbone = Dinov2Config(
        image_size=SIDE,
        patch_size=14,
        hidden_size=384,
        num_attention_heads=6,
        out_features=["stage3", "stage6", "stage9", "stage12"],
        reshape_hidden_states=False,
    )
    return DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=384,
        neck_hidden_sizes=[48, 96, 192, 384],
        fusion_hidden_size=64,
        head_hidden_size=32,
    )


def millions(network: nn.Module) -> float:
    """Return how many million parameters a network has."""
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6
