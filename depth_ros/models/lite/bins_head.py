"""The head of metric bins, made of transformers' layers, whose import takes seconds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import ZoeDepthConfig
from transformers.models.zoedepth.modeling_zoedepth import (
    ZoeDepthAttractorLayerUnnormed,
    ZoeDepthConditionalLogBinomialSoftmax,
    ZoeDepthProjector,
    ZoeDepthSeedBinRegressor,
)

from depth_ros.models.lite.heads import HIDDEN, MIN_DEPTH_M

_BINS, _EMBEDDING, _ATTRACTORS = 16, 32, (8, 4, 2, 1)


class _Float(nn.Module):
    """Casts to float32, because logits of a binomial distribution reach a hundred."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the same in float32."""
        return x.float()


class MetricBinsHead(nn.Module):
    """ZoeDepth's metric bins (arXiv 2302.12288, section 3.2), made of transformers' layers.

    Bin centres are initialised at the coarsest map and moved to attractors at each finer one; the
    finest map weights them with a log-binomial distribution.
    """

    def __init__(self, channels: int, max_depth_m: float) -> None:
        super().__init__()
        config = ZoeDepthConfig(
            bottleneck_features=channels, bin_embedding_dim=_EMBEDDING, attractor_kind="mean"
        )
        span = {"n_bins": _BINS, "min_depth": MIN_DEPTH_M, "max_depth": max_depth_m}
        self.seed = ZoeDepthSeedBinRegressor(config, n_bins=_BINS, mlp_dim=HIDDEN)
        self.seed_projector = ZoeDepthProjector(channels, _EMBEDDING, mlp_dim=HIDDEN)
        self.projectors = nn.ModuleList(
            ZoeDepthProjector(channels, _EMBEDDING, mlp_dim=HIDDEN) for _ in _ATTRACTORS
        )
        self.attractors = nn.ModuleList(
            ZoeDepthAttractorLayerUnnormed(
                config,
                n_attractors=count,
                min_depth=MIN_DEPTH_M,
                max_depth=max_depth_m,
                n_bins=span["n_bins"],
            )
            for count in _ATTRACTORS
        )
        self.choose = ZoeDepthConditionalLogBinomialSoftmax(
            config, channels, _EMBEDDING, n_classes=_BINS
        )
        self.choose.mlp.append(_Float())

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return depth from maps, the coarsest first."""
        coarsest, *finer = maps
        _, centres = self.seed(coarsest)
        embedding = self.seed_projector(coarsest)
        for project, attract, features in zip(self.projectors, self.attractors, finer, strict=True):
            here = project(features)
            _, centres = attract(here, centres, embedding, interpolate=True)
            embedding = here
        features = finer[-1]
        chances = self.choose(features, embedding)
        centres = functional.interpolate(centres.float(), features.shape[-2:], mode="bilinear")
        return torch.sum(chances * centres, dim=1)
