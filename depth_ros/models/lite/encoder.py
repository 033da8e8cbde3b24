"""EfficientNet-Lite0 without its classifier: maps of five scales.

Source: Tan and Le, EfficientNet (arXiv 1905.11946), in the Lite variant of TensorFlow's tpu
repository: no squeeze and excitation, ReLU6, fixed stem and last stage. Names follow those of
published PyTorch checkpoints without their leading underscores, see training.imagenet.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


_STEM = 32
_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_LAST_OF_SCALE = (0, 1, 2, 4, 6)
"""The last stage of every scale, whose map is used."""

CHANNELS = tuple(_STAGES[index].channels for index in _LAST_OF_SCALE)
"""Of the maps, from stride 2 to stride 32."""


class SamePadConv2d(nn.Conv2d):
    """A convolution with TensorFlow's 'same' padding: at stride 2, more at the right and bottom."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the map (B, C, ceil(H / stride), ceil(W / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        left, right = _padding(x.shape[-1], kernel, stride)
        above, below = _padding(x.shape[-2], kernel, stride)
        if left == right and above == below:
            return functional.conv2d(
                x, self.weight, None, stride, (above, left), groups=self.groups
            )
        x = functional.pad(x, (left, right, above, below))
        return functional.conv2d(x, self.weight, None, stride, groups=self.groups)


def _padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    # Written with remainders, which an export with dynamic sizes supports.
    remainder = length % stride
    total = max(kernel - (remainder or stride), 0)
    return total // 2, total - total // 2


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedResidual(nn.Module):
    """Inverted residual block of MobileNetV2; with a skip connection if shapes are equal."""

    def __init__(self, channels_in: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        wide = channels_in * stage.expand
        self.expand = stage.expand > 1
        if self.expand:
            self.expand_conv = nn.Conv2d(channels_in, wide, 1, bias=False)
            self.bn0 = _norm(wide)
        self.depthwise_conv = SamePadConv2d(
            wide, wide, stage.kernel, stride, groups=wide, bias=False
        )
        self.bn1 = _norm(wide)
        self.project_conv = nn.Conv2d(wide, stage.channels, 1, bias=False)
        self.bn2 = _norm(stage.channels)
        self.short_cut = stride == 1 and channels_in == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the map (B, C', H', W')."""
        y = functional.relu6(self.bn0(self.expand_conv(x))) if self.expand else x
        y = functional.relu6(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        return torch.add(x, y) if self.short_cut else y


class EfficientNetLite0(nn.Module):
    """Images (B, 3, H, W) to maps at strides 2, 4, 8, 16 and 32, of CHANNELS channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = SamePadConv2d(3, _STEM, 3, 2, bias=False)
        self.bn0 = _norm(_STEM)
        blocks: list[nn.Module] = []
        ends, channels = [], _STEM
        for stage in _STAGES:
            for repeat in range(stage.repeats):
                blocks.append(InvertedResidual(channels, stage, 1 if repeat else stage.stride))
                channels = stage.channels
            ends.append(len(blocks) - 1)
        self.blocks = nn.ModuleList(blocks)
        self._kept = {ends[index] for index in _LAST_OF_SCALE}

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps, the finest first."""
        x = functional.relu6(self.bn0(self.conv_stem(x)))
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self._kept:
                maps.append(x)
        return maps
