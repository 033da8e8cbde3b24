"""ZoeDepth's selection of a head inside an exported or captured graph."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn


def with_all_heads(network: nn.Module) -> nn.Module:
    """Return a ZoeDepth of several heads as a network that runs all heads.

    transformers' network reads the number of the head that a classifier votes for, and runs only
    that head: a graph has no such branches. Here all heads run, and the votes select a result. The
    heads are a small part of the network. The weights are shared.

    Args:
        network: DepthOnly of a ZoeDepthForDepthEstimation, called with one image at a time.
    """
    other = _with_modules(network)
    other.network = _with_modules(cast(nn.Module, network.network))
    other.network.metric_head = _AllHeads(other.network.metric_head)
    return other


class _AllHeads(nn.Module):
    """Replaces ZoeDepthMultipleMetricDepthEstimationHeads."""

    def __init__(self, heads: Any) -> None:
        super().__init__()
        self.heads = heads
        count = len(heads.bin_configurations)
        self.each = nn.ModuleList(_with_fixed_vote(heads, index) for index in range(count))

    def forward(
        self,
        outconv_activation: Tensor,
        bottleneck: Tensor,
        feature_blocks: list[Tensor],
        relative_depth: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return depth (1, 1, h, w) of the selected head, and the votes (1, heads)."""
        features = self.heads.patch_transformer(self.heads.conv2(bottleneck))[:, 0, :]
        votes = self.heads.mlp_classifier(features)
        given = (outconv_activation, bottleneck, feature_blocks, relative_depth)
        depths = torch.stack([head(*given)[0] for head in self.each])
        return depths.index_select(0, votes.sum(0).argmax()[None])[0], votes


class _FixedVotes:
    """Replaces a tensor of votes: all of transformers' operations on it return itself."""

    def __init__(self, head: int) -> None:
        self._head = head

    @classmethod
    def __torch_function__(
        cls, function: object, types: object, args: Any = (), kwargs: object = None
    ) -> _FixedVotes:
        votes: _FixedVotes = args[0]
        return votes

    def sum(self, dim: int, keepdim: bool) -> _FixedVotes:
        """Return the votes of all images."""
        return self

    def squeeze(self) -> _FixedVotes:
        """Return the votes without axes."""
        return self

    def item(self) -> int:
        """Return the head with the most votes."""
        return self._head


class _FixedClassifier(nn.Module):
    """Replaces the classifier, with fixed votes."""

    def __init__(self, votes: _FixedVotes) -> None:
        super().__init__()
        self._votes = votes

    def forward(self, features: Tensor) -> _FixedVotes:
        """Return the same votes for every image."""
        return self._votes


def _with_fixed_vote(heads: nn.Module, index: int) -> nn.Module:
    """Return the same heads with a fixed selection."""
    other = _with_modules(heads)
    other.mlp_classifier = _FixedClassifier(_FixedVotes(index))
    return other


def _with_modules(module: nn.Module) -> nn.Module:
    """Return a module that shares its submodules, which can be replaced in it."""
    other = copy.copy(module)
    other._modules = dict(module._modules)
    return other
