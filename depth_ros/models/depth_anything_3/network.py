"""The network: DINOv2 with DPT outputs for depth and sky, with upstream's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.errors import ModelError
from depth_ros.models.dinov2 import PATCH_PX, DinoV2, Size
from depth_ros.models.own_checkpoint import fill

_ROOT = "model."
_BACKBONE = f"{_ROOT}backbone.pretrained."
_NORM_EPS = 1e-5  # epsilon of the last normalisation, torch's default
_HEAD_CHANNELS = 32


class DepthAnything3Net(nn.Module):
    """The network.

    Args:
        size: of its encoder.
        layers: four layers with the features for the head.
        channels: of the maps made from these features.
        features: channels of the pyramid.
    """

    def __init__(
        self, size: Size, layers: Sequence[int], channels: Sequence[int], features: int
    ) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.backbone = nn.ModuleDict({"pretrained": DinoV2(size, _NORM_EPS)})
        self.head = _Head(size.width, channels, features)

    @classmethod
    def of_weights(cls, weights: Mapping[str, Tensor], layers: Sequence[int]) -> DepthAnything3Net:
        """Return the network of a checkpoint, in float32.

        Raises:
            ModelError: the weights belong to another network.
        """
        try:
            size = Size.of(weights, _BACKBONE)
            head = f"{_ROOT}head."
            channels = [len(weights[f"{head}projects.{index}.weight"]) for index in range(4)]
            features = len(weights[f"{head}scratch.layer1_rn.weight"])
        except KeyError as error:
            raise ModelError(f"it lacks {error}, which Depth Anything 3 has") from error
        with torch.device("meta"):
            network = cls(size, layers, channels, features)
        fill(network, {name.removeprefix(_ROOT): each for name, each in weights.items()})
        return network.eval()

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logarithm of depth, and the sky values, both (B, h, w).

        Args:
            pixels: normalised (B, 3, h, w), sides multiples of 14.
        """
        grid = [side // PATCH_PX for side in pixels.shape[-2:]]
        said = self.backbone["pretrained"](pixels, self.layers)
        maps = [each.patches.transpose(1, 2).unflatten(2, grid) for each in said]
        log_depth, sky = self.head(maps, (pixels.shape[-2], pixels.shape[-1]))
        return log_depth[:, 0], sky[:, 0]


class _Head(nn.Module):
    """DPT (arXiv 2103.13413) with two outputs."""

    def __init__(self, width: int, channels: Sequence[int], features: int) -> None:
        super().__init__()
        self.projects = nn.ModuleList(nn.Conv2d(width, each, 1) for each in channels)
        first, second, _, last = channels
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(first, first, 4, 4),
                nn.ConvTranspose2d(second, second, 2, 2),
                nn.Identity(),
                nn.Conv2d(last, last, 3, 2, 1),
            ]
        )
        self.scratch = _Scratch(channels, features)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the maps of both outputs (B, 1, *size)."""
        stages = zip(maps, self.projects, self.resize_layers, strict=True)
        levels = [resize(project(each)) for each, project, resize in stages]
        seen: tuple[Tensor, Tensor] = self.scratch(levels, size)
        return seen


class _Scratch(nn.Module):
    """The pyramid of the head."""

    def __init__(self, channels: Sequence[int], features: int) -> None:
        super().__init__()
        for index, each in enumerate(channels, 1):
            self.add_module(f"layer{index}_rn", nn.Conv2d(each, features, 3, 1, 1, bias=False))
            self.add_module(f"refinenet{index}", _Fusion(features, beside=index < len(channels)))
        half = features // 2
        self.output_conv1 = nn.Conv2d(features, half, 3, 1, 1)
        self.output_conv2 = _end(half)
        self.sky_output_conv2 = _end(half)

    def forward(self, levels: Sequence[Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        named = [
            self.get_submodule(f"layer{index}_rn")(each) for index, each in enumerate(levels, 1)
        ]
        fused: Tensor | None = None
        for index in range(len(named), 0, -1):
            finer = named[index - 2].shape[-2:] if index > 1 else None
            fused = self.get_submodule(f"refinenet{index}")(fused, named[index - 1], finer)
        seen = _grown(self.output_conv1(fused), size)
        return self.output_conv2(seen), self.sky_output_conv2(seen)


def _end(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, _HEAD_CHANNELS, 3, 1, 1), nn.ReLU(), nn.Conv2d(_HEAD_CHANNELS, 1, 1)
    )


def _grown(maps: Tensor, size: Sequence[int]) -> Tensor:
    return functional.interpolate(maps, tuple(size), mode="bilinear", align_corners=True)


class _Fusion(nn.Module):
    """Adds a finer map to the coarser one, and upsamples the sum."""

    def __init__(self, features: int, beside: bool) -> None:
        super().__init__()
        self.resConfUnit1 = _Residual(features) if beside else None
        self.resConfUnit2 = _Residual(features)
        self.out_conv = nn.Conv2d(features, features, 1)

    def forward(self, above: Tensor | None, level: Tensor, size: Sequence[int] | None) -> Tensor:
        if above is not None and self.resConfUnit1 is not None:
            level = above + self.resConfUnit1(level)
        mixed = self.resConfUnit2(level)
        size = [2 * side for side in mixed.shape[-2:]] if size is None else size
        said: Tensor = self.out_conv(_grown(mixed, size))
        return said


class _Residual(nn.Module):
    """Two convolutions with a skip connection."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, 1, 1)
        self.conv2 = nn.Conv2d(features, features, 3, 1, 1)

    def forward(self, level: Tensor) -> Tensor:
        mixed: Tensor = level + self.conv2(functional.relu(self.conv1(functional.relu(level))))
        return mixed
