"""Depth Anything 3's checkpoints as its authors' code writes them: names and shapes.

Source: configs/da3metric-large.yaml of their repository, and the modules that it configures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


def shapes(
    width: int = 1024,
    depth: int = 24,
    channels: Sequence[int] = (256, 512, 1024, 1024),
    features: int = 256,
    side: int = 37,
) -> Shapes:
    """Return names and shapes of a checkpoint's weights; the defaults are the large network's."""
    start = "model.backbone.pretrained."
    found: Shapes = {
        f"{start}cls_token": (1, 1, width),
        f"{start}pos_embed": (1, side * side + 1, width),
        **_layer(f"{start}patch_embed.proj", width, 3, 14, 14),
        f"{start}norm.weight": (width,),
        f"{start}norm.bias": (width,),
    }
    for index in range(depth):
        block = f"{start}blocks.{index}."
        for each in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"):
            found[block + each] = (width,)
        found |= {f"{block}ls1.gamma": (width,), f"{block}ls2.gamma": (width,)}
        found |= _layer(f"{block}attn.qkv", 3 * width, width)
        found |= _layer(f"{block}attn.proj", width, width)
        found |= _layer(f"{block}mlp.fc1", 4 * width, width)
        found |= _layer(f"{block}mlp.fc2", width, 4 * width)
    return found | _head("model.head.", width, channels, features)


def _head(start: str, width: int, channels: Sequence[int], features: int) -> Shapes:
    found: Shapes = {}
    for index, each in enumerate(channels):
        found |= _layer(f"{start}projects.{index}", each, width, 1, 1)
    for index, side in ((0, 4), (1, 2), (3, 3)):
        each = channels[index]
        found |= _layer(f"{start}resize_layers.{index}", each, each, side, side)
    scratch = f"{start}scratch."
    for index, each in enumerate(channels, 1):
        found[f"{scratch}layer{index}_rn.weight"] = (features, each, 3, 3)
        for unit in (1, 2) if index < 4 else (2,):
            for layer in ("conv1", "conv2"):
                name = f"{scratch}refinenet{index}.resConfUnit{unit}.{layer}"
                found |= _layer(name, features, features, 3, 3)
        found |= _layer(f"{scratch}refinenet{index}.out_conv", features, features, 1, 1)
    found |= _layer(f"{scratch}output_conv1", features // 2, features, 3, 3)
    for end in ("output_conv2", "sky_output_conv2"):
        found |= _layer(f"{scratch}{end}.0", 32, features // 2, 3, 3)
        found |= _layer(f"{scratch}{end}.2", 1, 32, 1, 1)
    return found


def _layer(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def weights(named: Shapes) -> dict[str, Tensor]:
    """Return random weights with which depth varies, and nothing is sky."""
    drawn = torch.Generator().manual_seed(5)
    found = {name: torch.randn(each, generator=drawn) * _std(each) for name, each in named.items()}
    for name, each in found.items():
        if name.endswith("gamma") or ("norm" in name and name.endswith("weight")):
            each.fill_(1.0)
    found["model.backbone.pretrained.pos_embed"].mul_(10)
    found["model.head.scratch.output_conv2.2.weight"].mul_(2)
    found["model.head.scratch.sky_output_conv2.2.bias"].fill_(-50.0)
    return found


def _std(shape: Sequence[int]) -> float:
    return float(math.prod(shape[1:]) ** -0.5) if len(shape) > 1 else 0.02


def build(
    folder: Path,
    named: Shapes | None = None,
    layers: Sequence[int] = (0, 1, 2, 3),
    name: str = "da3metric-large",
) -> Path:
    """Write a checkpoint, a small one if no shapes are given, and return the folder."""
    named = shapes(64, 4, (8, 8, 16, 16), 16, side=5) if named is None else named
    halves = {key: each.half() for key, each in weights(named).items()}
    save_file(halves, folder / "model.safetensors", {"format": "pt"})
    said = {"model_name": name, "config": {"net": {"out_layers": list(layers)}}}
    (folder / "config.json").write_text(json.dumps(said))
    return folder
