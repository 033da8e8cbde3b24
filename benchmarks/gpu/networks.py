"""The networks to measure: random weights in published sizes, or a model's own weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    DepthAnythingForDepthEstimation,
    ZoeDepthConfig,
    ZoeDepthForDepthEstimation,
)

from benchmarks import network
from benchmarks.gpu import moge
from depth_ros import models
from depth_ros.models import DepthModel, ModelEntry, Output
from depth_ros.models.depth_anything import DepthAnything
from depth_ros.models.grin.config import BASE
from depth_ros.models.grin.model import GrinModel
from depth_ros.models.grin.network import Grin
from depth_ros.models.zoedepth import ZoeDepth

_SEED = 0
# Input of the last sigmoid: depth from a twentieth to a half of the range.
_LOGIT_MEAN, _LOGIT_STD = -1.5, 0.5


def build(name: str, place: torch.device) -> DepthModel:
    """Return a model on a device: one of NAMES, or any that users can name.

    Raises:
        ModelError: there is no such model.
    """
    if name not in _BUILDERS:
        model = models.load(name)
        assert isinstance(model, DepthModel)
        return model
    torch.manual_seed(_SEED)
    with torch.device(place), torch.no_grad():
        model = _BUILDERS[name]()
    model.network.eval().requires_grad_(False)
    return model


def _depth_anything(size: str) -> DepthModel:
    config = network.config(size)
    config.depth_estimation_type, config.max_depth = "metric", 20
    stock = DepthAnythingForDepthEstimation(config).eval()
    _vary(stock, torch.randn(1, 3, network.SIDE, network.SIDE))
    entry = models.find(f"depth-anything-v2-metric-indoor-{size}")
    assert entry.preprocessing is not None
    return DepthAnything.of(entry, stock, entry.preprocessing)


def _vary(stock: Any, noise: Tensor) -> None:
    """Scale the input of the last activation, so that depth varies over an image and has edges.

    Otherwise, random networks output almost the same value for every pixel.
    """
    ends = [m for m in stock.modules() if isinstance(m, nn.Conv2d) and m.out_channels == 1]
    handle = ends[-1].register_forward_hook(_scaled)
    stock(noise)
    handle.remove()


def _scaled(layer: nn.Conv2d, _: Any, answer: Tensor) -> Tensor:
    assert layer.bias is not None
    mean, factor = answer.mean(), _LOGIT_STD / answer.std()
    layer.weight.mul_(factor)
    layer.bias.mul_(factor).add_(_LOGIT_MEAN - factor * mean)
    return factor * (answer - mean) + _LOGIT_MEAN


def _zoedepth() -> DepthModel:
    config = ZoeDepthConfig(neck_hidden_sizes=[256, 512, 1024, 1024])  # as Intel/zoedepth-nyu has
    entry = models.find("zoedepth-nyu")
    return ZoeDepth.of(
        entry, ZoeDepthForDepthEstimation(config).eval(), entry.preprocessing or ZoeDepth.processor
    )


def _grin_base() -> DepthModel:
    drawn = Grin(BASE)
    # These are initialised to zero, which gives the same output for every pixel.
    nn.init.normal_(drawn.denoiser.before_norm.weight, std=0.5)
    nn.init.normal_(drawn.denoiser.head.weight, std=0.02)
    entry = ModelEntry("grin-base", "grin", "", Output.METRIC_DEPTH, "Apache-2.0", True)
    return GrinModel(entry, drawn)


_BUILDERS: dict[str, Callable[[], DepthModel]] = {
    **{size: partial(_depth_anything, size) for size in ("small", "base", "large")},
    "zoedepth": _zoedepth,
    "moge": moge.build,
    "grin-base": _grin_base,
}
NAMES = ("small", "base", "large", "zoedepth", "moge", "grin-base", "grin-tiny")
"""The networks to measure by default; Depth Anything V2 by size."""
