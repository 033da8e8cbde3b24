"""MoGe-2 (arXiv 2507.02546) of the large published size, with random weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from depth_ros import models
from depth_ros.models import DepthModel
from depth_ros.models.dinov2 import Size
from depth_ros.models.moge.model import MogeModel
from depth_ros.models.moge.network import Moge, MogeConfig

LARGE = Size(1024, 24)
_CHANNELS, _LAYERS = (1024, 256, 128, 64, 32), (5, 11, 17, 23)
# A mask that is positive almost everywhere: random ones leave out half of the image.
_MASK_LOGIT = 1.0


def build(
    size: Size = LARGE, channels: Sequence[int] = _CHANNELS, layers: Sequence[int] = _LAYERS
) -> DepthModel:
    """Return the network moge-2-large, by default, with random weights.

    Args:
        size: of its encoder.
        channels: of the levels of its decoder, the coarsest first.
        layers: of the encoder, whose features the decoder gets.
    """
    dims, side = channels, size.width
    config = MogeConfig(
        {"backbone": "dinov2_vitl14", "intermediate_layers": list(layers), "dim_out": dims[0]},
        _stack(dims, [dims[0] + 2, 2, 2, 2, 2], None, 2),
        _stack(dims, dims, 3, 1),
        _stack(dims, dims, 1, 1),
        {"dims": [side, side, side, 1]},
        "exp",
    )
    network: Any = Moge(config, size)
    nn.init.constant_(network.mask_head.output_blocks[-1].bias, _MASK_LOGIT)
    return MogeModel(models.find("moge-2-large"), network, config)


def _stack(
    channels: Sequence[int], inputs: Sequence[int], outputs: int | None, blocks: int
) -> dict[str, Any]:
    """Return the configuration of a pyramid; source: configs/train/v2.json of its authors."""
    return {
        "dim_in": list(inputs),
        "dim_out": None if outputs is None else [None] * 4 + [outputs],
        "dim_res_blocks": list(channels),
        "num_res_blocks": [0, blocks, blocks, blocks, 0],
        "res_block_in_norm": "none",
        "res_block_hidden_norm": "none",
        "resamplers": ["conv_transpose", "conv_transpose", "conv_transpose", "bilinear"],
    }
