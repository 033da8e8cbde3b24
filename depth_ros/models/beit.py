"""BEiT (arXiv 2106.08254) on a GPU: keeps its table of relative positions there."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers.models.beit.modeling_beit import BeitRelativePositionBias

_KEPT = 16
_kept: dict[tuple[int, int, str, int | None], Tensor] = {}


class RelativePositionBias(BeitRelativePositionBias):  # type: ignore[misc]
    """A bias whose index of relative positions is on the device of its weights.

    transformers computes the index, some megabytes, on the host, and every layer copies it to the
    device for every image. Here all layers share one index for each image size, made on first use.
    """

    def generate_relative_position_index(self, window_size: tuple[int, int]) -> Tensor:
        """Return the index (N + 1, N + 1) of a window of N tokens, on the weights' device."""
        device: torch.device = self.relative_position_bias_table.device
        if device.type == "cpu":
            index: Tensor = super().generate_relative_position_index(window_size)
            return index
        key = (window_size[0], window_size[1], device.type, device.index)
        if key not in _kept:
            while len(_kept) >= _KEPT:
                _kept.pop(next(iter(_kept)))
            with torch.inference_mode(False):  # training may need it later
                _kept[key] = super().generate_relative_position_index(window_size).to(device)
        return _kept[key]


def keep_indices(network: nn.Module) -> None:
    """Make every bias of a network's BEiT keep its index on its device."""
    for module in network.modules():
        if type(module) is BeitRelativePositionBias:
            module.__class__ = RelativePositionBias
