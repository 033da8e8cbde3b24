"""MoGe-2's checkpoints as its authors' code writes them: configuration, names and shapes.

Source: configs/train/v2.json of their repository, and the modules that it configures.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]

_UP = ["conv_transpose", "conv_transpose", "conv_transpose", "bilinear"]


def _stack(dims: Sequence[int], before: Sequence[int], out: int | None, blocks: int) -> Any:
    return {
        "dim_in": list(before),
        "dim_out": None if out is None else [None] * 4 + [out],
        "dim_res_blocks": list(dims),
        "num_res_blocks": [0, blocks, blocks, blocks, 0],
        "res_block_in_norm": "none",
        "res_block_hidden_norm": "none",
        "resamplers": list(_UP),
    }


def config(
    width: int = 1024,
    dims: Sequence[int] = (1024, 256, 128, 64, 32),
    layers: Sequence[int] = (5, 11, 17, 23),
    tokens: Sequence[int] = (1200, 3600),
    normal: bool = True,
) -> dict[str, Any]:
    """Return a model_config; the defaults are those of the large network."""
    neck = [dims[0] + 2, 2, 2, 2, 2]
    said = {
        "encoder": {
            "backbone": "dinov2_vitl14",
            "intermediate_layers": list(layers),
            "dim_out": dims[0],
        },
        "neck": _stack(dims, neck, None, 2),
        "points_head": _stack(dims, dims, 3, 1),
        "normal_head": _stack(dims, dims, 3, 1),
        "mask_head": _stack(dims, dims, 1, 1),
        "scale_head": {"dims": [width, width, width, 1]},
        "remap_output": "exp",
        "num_tokens_range": list(tokens),
    }
    if not normal:
        del said["normal_head"]
    return copy.deepcopy(said)


def shapes(said: dict[str, Any], width: int = 1024, depth: int = 24, side: int = 37) -> Shapes:
    """Return names and shapes of the weights that upstream's code has for a model_config."""
    found: Shapes = {"encoder.image_mean": (1, 3, 1, 1), "encoder.image_std": (1, 3, 1, 1)}
    found.update(_backbone("encoder.backbone.", width, depth, side))
    for index, _ in enumerate(said["encoder"]["intermediate_layers"]):
        dim = said["encoder"]["dim_out"]
        found.update(_conv(f"encoder.output_projections.{index}", width, dim, 1))
    for name in ("neck", "points_head", "normal_head", "mask_head"):
        if name in said:
            found.update(_named(name, said[name]))
    for index, (before, after) in enumerate(pairwise(said["scale_head"]["dims"])):
        found.update(_linear(f"scale_head.{2 * index}", before, after))
    return found


def _linear(name: str, before: int, after: int) -> Shapes:
    return {f"{name}.weight": (after, before), f"{name}.bias": (after,)}


def _conv(name: str, before: int, after: int, side: int) -> Shapes:
    return {f"{name}.weight": (after, before, side, side), f"{name}.bias": (after,)}


def _backbone(start: str, width: int, depth: int, side: int) -> Shapes:
    found: Shapes = {
        f"{start}cls_token": (1, 1, width),
        f"{start}pos_embed": (1, side * side + 1, width),
        f"{start}mask_token": (1, width),
    }
    found.update(_conv(f"{start}patch_embed.proj", 3, width, 14))
    for index in range(depth):
        block = f"{start}blocks.{index}."
        for norm in ("norm1", "norm2"):
            found |= {f"{block}{norm}.weight": (width,), f"{block}{norm}.bias": (width,)}
        found |= {f"{block}ls1.gamma": (width,), f"{block}ls2.gamma": (width,)}
        found |= _linear(f"{block}attn.qkv", width, 3 * width)
        found |= _linear(f"{block}attn.proj", width, width)
        found |= _linear(f"{block}mlp.fc1", width, 4 * width)
        found |= _linear(f"{block}mlp.fc2", 4 * width, width)
    return found | {f"{start}norm.weight": (width,), f"{start}norm.bias": (width,)}


def _named(start: str, said: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    dims = said["dim_res_blocks"]
    for level, (before, dim) in enumerate(zip(said["dim_in"], dims, strict=True)):
        yield from _conv(f"{start}.input_blocks.{level}", before, dim, 1).items()
        for block in range(said["num_res_blocks"][level]):
            for layer in (2, 5):
                name = f"{start}.res_blocks.{level}.{block}.layers.{layer}"
                yield from _conv(name, dim, dim, 3).items()
    for level, (before, after) in enumerate(pairwise(dims)):
        name = f"{start}.resamplers.{level}"
        if said["resamplers"][level] == "conv_transpose":
            yield f"{name}.0.weight", (before, after, 2, 2)
            yield f"{name}.0.bias", (after,)
            yield from _conv(f"{name}.1", after, after, 3).items()
        else:
            yield from _conv(f"{name}.1", before, after, 3).items()
    if said["dim_out"] is not None:
        yield from _conv(f"{start}.output_blocks.4", dims[-1], said["dim_out"][-1], 1).items()


def weights(said: dict[str, Any], width: int, depth: int, side: int = 37) -> dict[str, Tensor]:
    """Return random weights whose points project near their own pixels, as trained ones do.

    The place in the image that goes into the neck's last level goes on to the points; depth and the
    mask vary with the image, and most of it is kept by the mask.
    """
    drawn = torch.Generator().manual_seed(5)
    found = {
        name: torch.randn(shape, generator=drawn) * _std(name, shape)
        for name, shape in shapes(said, width, depth, side).items()
    }
    for name, each in found.items():
        if ("norm" in name.split(".")[-2] and name.endswith("weight")) or name.endswith("gamma"):
            each.fill_(1.0)
    for stack in ("neck", "points_head"):
        for name in ("resamplers.3.1.weight", "resamplers.3.1.bias"):
            found[f"{stack}.{name}"][:2] = 0
        found[f"{stack}.input_blocks.4.weight"][:2] = 0
        for axis in range(2):
            found[f"{stack}.input_blocks.4.weight"][axis, axis] = 1.0
            found[f"{stack}.input_blocks.4.bias"][axis] = 0
    points = found["points_head.output_blocks.4.weight"]
    points[:, :2] = 0
    points[:2] *= 0.02
    points[0, 0] = points[1, 1] = 0.9  # of 1 / focal length
    found["points_head.output_blocks.4.bias"].copy_(torch.tensor([0.0, 0.0, 0.7]))
    found["mask_head.output_blocks.4.bias"].fill_(20.0)
    return found


def _std(name: str, shape: Sequence[int]) -> float:
    """Return a deviation that keeps the size of what goes through a layer."""
    if "pos_embed" in name:
        return 0.3
    if len(shape) < 2 or "token" in name:
        return 0.02
    return float(math.prod(shape[1:]) ** -0.5)
