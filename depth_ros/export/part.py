"""The parts of a model's network that become graphs, with example inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import Dim

from depth_ros.errors import ModelError
from depth_ros.models.base import DepthModel
from depth_ros.models.grin.model import GrinModel
from depth_ros.models.grin.network import Grin
from depth_ros.models.zoedepth_heads import with_all_heads

_LONGEST = 256
_MAX_IMAGES, _MAX_PIXELS = 256, 1 << 24

Dims = Mapping[int, Dim]
"""Dynamic axes."""


@dataclass(frozen=True)
class Part:
    """A network, or a part of one, that becomes a graph.

    Attributes:
        name: of the part, see Executor.part(); empty: the whole network.
        network: takes and returns tensors.
        inputs: an example of each, by name, in order.
        open: dynamic axes of each input.
        outputs: names of the outputs.
    """

    name: str
    network: nn.Module
    inputs: Mapping[str, Tensor]
    open: tuple[Dims, ...]
    outputs: tuple[str, ...]

    @property
    def shapes(self) -> tuple[tuple[str, tuple[int | None, ...]], ...]:
        """Names and shapes of the inputs; None: any length."""
        return tuple(
            (name, tuple(None if axis in dims else side for axis, side in enumerate(each.shape)))
            for (name, each), dims in zip(self.inputs.items(), self.open, strict=True)
        )


def parts_of(model: DepthModel, size: tuple[int, int] | None) -> tuple[Part, ...]:
    """Return the parts of a model's network; the first one is the file that users name.

    Args:
        model: a torch model.
        size: height and width of the network's input; None: dynamic.

    Raises:
        ModelError: the network was exported already.
    """
    batch = Dim("batch", min=1, max=_MAX_IMAGES)
    pixels, sides = _pixels(model, size, 1 if model.one_by_one else 2)
    images: dict[int, Dim] = sides if model.one_by_one else {0: batch, **sides}
    if isinstance(model, GrinModel):
        return _grin_parts(model, pixels, images, batch)
    network = model.network if model.batches else with_all_heads(model.network)
    inputs, open_ = {"pixels": pixels}, [images]
    if model.prompt_size is not None:
        inputs["prompt_depth_m"] = 1 + torch.rand(len(pixels), 1, *model.prompt_size)
        open_.append({0: batch})
    height, width = pixels.shape[-2:]
    beside = model.beside(len(pixels), height, width, pixels.device)
    for name, each in zip(model.beside_names, beside, strict=True):
        inputs[name] = each
        open_.append({0: batch})
    with torch.inference_mode():
        raw = network(*inputs.values())
    outputs = model.raw_names[: len(raw) if isinstance(raw, tuple) else 1]
    return (Part("", network, inputs, tuple(open_), outputs),)


def _pixels(
    model: DepthModel, size: tuple[int, int] | None, batch: int
) -> tuple[Tensor, dict[int, Dim]]:
    """Return example images, and the dynamic axes of their size."""
    if size is not None:
        return torch.randn(batch, 3, *size), {}
    unit = model.preprocessing.multiple
    sides = {2: Dim("rows", min=2, max=_LONGEST), 3: Dim("columns", min=2, max=_LONGEST)}
    return torch.randn(batch, 3, 4 * unit, 6 * unit), {axis: unit * d for axis, d in sides.items()}


def _grin_parts(
    model: GrinModel, pixels: Tensor, images: dict[int, Dim], batch: Dim
) -> tuple[Part, ...]:
    network, config = model.network, model.config
    if not isinstance(network, Grin):
        raise ModelError(f"model '{model.entry.name}' was exported already")
    count, some, few = len(pixels), 30, 12
    positions = {0: batch, 1: Dim("positions", min=2, max=_MAX_PIXELS)}
    cells = {0: batch, 1: Dim("cells", min=2, max=_MAX_PIXELS)}
    batch_only = {0: batch}
    encoder_inputs = {
        "pixels": pixels,
        "positions": 2 * torch.rand(count, some, 2) - 1,
        "rays": torch.randn(count, some, 2),
        "cells": 2 * torch.rand(count, few, 2) - 1,
        "cell_rays": torch.randn(count, few, 2),
    }
    denoiser_inputs = {
        "x": torch.randn(count, some),
        "gamma": torch.rand(count),
        "local": torch.randn(count, some, config.token_dim),
        "scene": torch.randn(count, few, config.latent_dim),
        "before": torch.randn(count, config.latents, config.latent_dim),
    }
    encoder_open = (images, positions, positions, cells, cells)
    denoiser_open = (positions, batch_only, positions, cells, batch_only)
    return (
        Part("encoder", network.encoder, encoder_inputs, encoder_open, ("local", "scene")),
        Part("denoiser", network.denoiser, denoiser_inputs, denoiser_open, ("v", "latents")),
    )
