"""The reference network of the measurements: 25 million parameters, as used on robots."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

from depth_ros.models.zoedepth import DepthOnly

SIDE = 518
"""Height and width of its input, Depth Anything's own."""
NAME = "Depth Anything V2-S, 24.8 M, random weights"


def build() -> nn.Module:
    """Return Depth Anything V2-S (arXiv 2406.09414) with random weights.

    Random weights take as long as trained ones.
    """
    return DepthOnly(DepthAnythingForDepthEstimation(config()))


class _Size(NamedTuple):
    hidden: int
    heads: int
    stages: tuple[int, int, int, int]
    neck: tuple[int, int, int, int]
    fusion: int


_SIZES = {
    "small": _Size(384, 6, (3, 6, 9, 12), (48, 96, 192, 384), 64),
    "base": _Size(768, 12, (3, 6, 9, 12), (96, 192, 384, 768), 128),
    "large": _Size(1024, 16, (5, 12, 18, 24), (256, 512, 1024, 1024), 256),
}


def config(size: str = "small") -> DepthAnythingConfig:
    """Return the configuration of a published size, with relative inverse depth.

    Args:
        size: small, base or large.
    """
    sizes = _SIZES[size]
    backbone = Dinov2Config(
        image_size=SIDE,
        patch_size=14,
        hidden_size=sizes.hidden,
        num_hidden_layers=sizes.stages[-1],
        num_attention_heads=sizes.heads,
        out_features=[f"stage{stage}" for stage in sizes.stages],
        reshape_hidden_states=False,
    )
    return DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=sizes.hidden,
        neck_hidden_sizes=list(sizes.neck),
        fusion_hidden_size=sizes.fusion,
        head_hidden_size=32,
    )


def millions(network: nn.Module) -> float:
    """Return the number of a network's parameters in millions."""
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6
