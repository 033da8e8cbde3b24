"""Image encoders of GRIN: transformers' backbones, and zoedepth-lite's encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from depth_ros.models.lite.encoder import CHANNELS, EfficientNetLite0

LITE = "efficientnet_lite0"
"""The model_type of zoedepth-lite's encoder, which transformers does not have."""


class Maps(NamedTuple):
    """The output of a backbone: maps (B, C, h / stride, w / stride), the finest first."""

    feature_maps: tuple[Tensor, ...]


class LiteBackbone(EfficientNetLite0):
    """EfficientNet-Lite0 with the interface of transformers' backbones."""

    channels = CHANNELS

    def forward(self, x: Tensor) -> Maps:  # type: ignore[override]
        """Return the maps at strides 2 to 32."""
        return Maps(tuple(super().forward(x)))


def build(config: Mapping[str, Any]) -> nn.Module:
    """Return an untrained backbone of a configuration in transformers' format."""
    fields = dict(config)
    kind = fields.pop("model_type")
    if kind == LITE:
        return LiteBackbone()
    from transformers import AutoBackbone, AutoConfig

    backbone: nn.Module = AutoBackbone.from_config(AutoConfig.for_model(kind, **fields))
    return backbone
