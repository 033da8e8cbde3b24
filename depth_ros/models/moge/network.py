"""MoGe-2's network: points up to scale and depth shift, a mask, and the metric scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from depth_ros.errors import ModelError
from depth_ros.models.dinov2 import PATCH_PX, DinoV2, Size
from depth_ros.models.moge.conv_stack import ConvStack
from depth_ros.models.own_checkpoint import fill

_BACKBONE = "encoder.backbone."
_IGNORED = ("normal_head", "model_type")


@dataclass(frozen=True)
class MogeConfig:
    """A checkpoint's model_config.

    Attributes:
        encoder: intermediate_layers, the layers whose features are added, and dim_out channels.
        neck, points_head, mask_head: see ConvStack.
        scale_head: dims of its layers.
        remap_output: conversion of outputs to points: linear, sinh, exp or sinh_exp.
        num_tokens_range: minimum and maximum cells of 14 px that upstream recommends per image.

    Raises:
        ModelError: a field is unknown or missing.
    """

    encoder: Mapping[str, Any]
    neck: Mapping[str, Any]
    points_head: Mapping[str, Any]
    mask_head: Mapping[str, Any]
    scale_head: Mapping[str, Any]
    remap_output: str = "linear"
    num_tokens_range: tuple[int, int] = (1200, 3600)

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> MogeConfig:
        """Return the configuration in a config.json or a checkpoint's model_config."""
        values = {name: value for name, value in said.items() if name not in _IGNORED}
        try:
            config = cls(**values)
            layers, _ = list(config.encoder["intermediate_layers"]), int(config.encoder["dim_out"])
            low, high = config.num_tokens_range
            right = all(type(each) is int and each > 0 for each in (low, high)) and bool(layers)
        except (TypeError, KeyError, ValueError) as error:
            raise ModelError(f"its model_config is not MoGe-2's: {error}") from error
        if not right or config.remap_output not in REMAPS:
            raise ModelError(
                f"remap_output is {config.remap_output!r}, num_tokens_range {low}, {high}, "
                f"expected one of {', '.join(REMAPS)}, and positive integers"
            )
        return config


class Moge(nn.Module):
    """The network without its normal head.

    Args:
        config: of the checkpoint.
        size: of its encoder.
    """

    def __init__(self, config: MogeConfig, size: Size) -> None:
        super().__init__()
        self.config = config
        layers, width = config.encoder["intermediate_layers"], config.encoder["dim_out"]
        self.encoder = _Encoder(size, list(layers), width)
        self.neck = ConvStack(config.neck)
        self.points_head = ConvStack(config.points_head)
        self.mask_head = ConvStack(config.mask_head)
        self.scale_head = _mlp(config.scale_head["dims"])

    @classmethod
    def of_weights(cls, config: MogeConfig, weights: Mapping[str, Tensor]) -> Moge:
        """Return the network of a checkpoint, in float32, without its normal head.

        Raises:
            ModelError: the weights do not fit the configuration.
        """
        try:
            with torch.device("meta"):
                network = cls(config, Size.of(weights, _BACKBONE))
        except (TypeError, KeyError, ValueError, RuntimeError) as error:
            raise ModelError(f"its weights are not those of MoGe-2: {error!r}") from error
        fill(network, weights)
        return network.eval()

    def forward(self, pixels: Tensor, aspect: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the outputs for images, before they are upsampled and remapped.

        Args:
            pixels: normalised (B, 3, h, w), sides multiples of 14.
            aspect: (B,) width / height of the images before resizing.

        Returns:
            points (B, H, W, 3) and the mask as logits (B, H, W), both at 16/14 of the input's size;
            and the natural logarithm of the metric scale (B,).
        """
        rows, columns = (side // PATCH_PX for side in pixels.shape[-2:])
        features, whole = self.encoder(pixels)
        planes = [_view_plane(rows << level, columns << level, aspect) for level in range(5)]
        planes = [plane.to(pixels.dtype) for plane in planes]
        maps = self.neck([torch.cat([features, planes[0]], dim=1), *planes[1:]])
        points, mask = self.points_head(maps)[-1], self.mask_head(maps)[-1]
        return points.permute(0, 2, 3, 1), mask[:, 0], self.scale_head(whole)[:, 0]


class _Encoder(nn.Module):
    """DINOv2 with the sum of the features of some layers."""

    def __init__(self, size: Size, layers: list[int], width: int) -> None:
        super().__init__()
        self.layers = layers
        self.backbone = DinoV2(size)
        self.output_projections = nn.ModuleList(nn.Conv2d(size.width, width, 1) for _ in layers)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, width, rows, columns), and the class token (B, C)."""
        said = self.backbone(pixels, self.layers)
        grid = [side // PATCH_PX for side in pixels.shape[-2:]]
        maps = [
            projection(each.patches.transpose(1, 2).unflatten(2, grid))
            for projection, each in zip(self.output_projections, said, strict=True)
        ]
        return torch.stack(maps).sum(0), said[-1].whole


def _mlp(dims: list[int]) -> nn.Sequential:
    """Return linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(dims):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _view_plane(rows: int, columns: int, aspect: Tensor) -> Tensor:
    """Return the positions of grid cells in the image, (B, 2, rows, columns): right, down.

    Unit: half diagonals of the image, from its centre.
    """
    diagonal = (1 + aspect**2).sqrt()
    across, down = aspect / diagonal, 1 / diagonal
    u = across[:, None, None] * _centres(columns, aspect.device)
    v = down[:, None, None] * _centres(rows, aspect.device)[:, None]
    return torch.stack(torch.broadcast_tensors(u, v), dim=1)


def _centres(count: int, device: torch.device) -> Tensor:
    """Return the centres of cells that divide the range from -1 to 1."""
    return (2 * torch.arange(count, device=device, dtype=torch.float32) + 1 - count) / count


def _exp(points: Tensor) -> Tensor:
    z = points[..., 2:].exp()
    return torch.cat([points[..., :2] * z, z], dim=-1)


def _sinh_exp(points: Tensor) -> Tensor:
    return torch.cat([points[..., :2].sinh(), points[..., 2:].exp()], dim=-1)


REMAPS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda points: points,
    "sinh": torch.sinh,
    "exp": _exp,
    "sinh_exp": _sinh_exp,
}
"""Conversions of the network's outputs (..., 3) to points, at the image's size."""


def view_plane(height: int, width: int, device: torch.device) -> Tensor:
    """Return the positions of pixels in the image, (height, width, 2), see _view_plane."""
    diagonal = (height**2 + width**2) ** 0.5
    u = _centres(width, device) * (width / diagonal)
    v = _centres(height, device) * (height / diagonal)
    return torch.stack(torch.broadcast_tensors(u, v[:, None]), dim=-1)
