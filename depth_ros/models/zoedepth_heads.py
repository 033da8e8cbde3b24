"""ZoeDepth's choice between its heads, made inside of a graph: an exported or a captured one."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn


def choosing(network: nn.Module) -> nn.Module:
    """Return a ZoeDepth of several heads as a network whose every head answers.

    transformers' own asks for the number of the head that an image's vote elects, and runs that one
    alone: a graph has no such branches. Here all run, and the vote selects an answer. The heads are
    a small part of the network, whose weights are shared with what is returned.

    Args:
        network: DepthOnly of a ZoeDepthForDepthEstimation, called with one image at a time.
    """
    other = _with_modules(network)
    other.network = _with_modules(cast(nn.Module, network.network))
    other.network.metric_head = _AllHeads(other.network.metric_head)
    return other


class _AllHeads(nn.Module):
    """Stands where ZoeDepthMultipleMetricDepthEstimationHeads does."""

    def __init__(self, heads: Any) -> None:
        super().__init__()
        self.heads = heads
        count = len(heads.bin_configurations)
        self.each = nn.ModuleList(_elected(heads, index) for index in range(count))

    def forward(
        self,
        outconv_activation: Tensor,
        bottleneck: Tensor,
        feature_blocks: list[Tensor],
        relative_depth: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return depth (1, 1, h, w) of the head that is elected, and the votes (1, heads)."""
        seen = self.heads.patch_transformer(self.heads.conv2(bottleneck))[:, 0, :]
        votes = self.heads.mlp_classifier(seen)
        given = (outconv_activation, bottleneck, feature_blocks, relative_depth)
        depths = torch.stack([head(*given)[0] for head in self.each])
        return depths.index_select(0, votes.sum(0).argmax()[None])[0], votes


class _Result:
    """Votes that are counted already: whatever transformers does with votes leaves them as is."""

    def __init__(self, elected: int) -> None:
        self._elected = elected

    @classmethod
    def __torch_function__(
        cls, function: object, types: object, args: Any = (), kwargs: object = None
    ) -> _Result:
        result: _Result = args[0]
        return result

    def sum(self, dim: int, keepdim: bool) -> _Result:
        """Return the votes of all images."""
        return self

    def squeeze(self) -> _Result:
        """Return the votes without axes."""
        return self

    def item(self) -> int:
        """Return the head that has most of them."""
        return self._elected


class _Election(nn.Module):
    """Stands where the classifier does, and knows the result before."""

    def __init__(self, result: _Result) -> None:
        super().__init__()
        self._result = result

    def forward(self, seen: Tensor) -> _Result:
        """Return votes that no image changes."""
        return self._result


def _elected(heads: nn.Module, index: int) -> nn.Module:
    """Return the same heads, of which always one is elected."""
    other = _with_modules(heads)
    other.mlp_classifier = _Election(_Result(index))
    return other


def _with_modules(module: nn.Module) -> nn.Module:
    """Return a module that shares its parts, and may be given others."""
    other = copy.copy(module)
    other._modules = dict(module._modules)
    return other
