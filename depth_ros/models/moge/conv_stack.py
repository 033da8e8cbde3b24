"""The convolution pyramid of MoGe's neck and heads, with upstream's weight names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from depth_ros.errors import ModelError

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "silu": nn.SiLU,
    "elu": nn.ELU,
}
_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda channels: nn.Identity(),
    "group_norm": lambda channels: nn.GroupNorm(max(1, channels // 32), channels),
    "layer_norm": lambda channels: nn.GroupNorm(1, channels),
    "instance_norm": nn.InstanceNorm2d,
}
_FIELDS: dict[str, Any] = {
    "dim_in": None,
    "dim_res_blocks": None,
    "dim_out": None,
    "resamplers": None,
    "num_res_blocks": 1,
    "dim_times_res_block_hidden": 1,
    "res_block_in_norm": "layer_norm",
    "res_block_hidden_norm": "group_norm",
    "activation": "relu",
}
"""Configuration of a stack, with upstream's defaults."""


class ConvStack(nn.Module):
    """Levels of maps, each twice as large as the previous one, each with an input and an output.

    Args:
        config: of one stack in upstream's model_config.

    Raises:
        ModelError: the configuration has a field or a value unknown to upstream's code.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        unknown = sorted(config.keys() - _FIELDS.keys())
        if unknown:
            raise ModelError(f"model_config has unknown fields {unknown}, expected none")
        said = {**_FIELDS, **config}
        dims: list[int] = said["dim_res_blocks"]
        levels = len(dims)
        self.input_blocks = _projections(_each(said["dim_in"], levels), dims)
        self.resamplers = nn.ModuleList(
            _resampler(before, after, kind)
            for (before, after), kind in zip(
                pairwise(dims), _each(said["resamplers"], levels - 1), strict=True
            )
        )
        counts = _each(said["num_res_blocks"], levels)
        self.res_blocks = nn.ModuleList(
            nn.Sequential(*(_ResBlock(dim, said) for _ in range(count)))
            for dim, count in zip(dims, counts, strict=True)
        )
        self.output_blocks = _projections(dims, _each(said["dim_out"], levels))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return maps (B, dim_out, h, w) of every level, for the given input maps."""
        said, level = [], self.input_blocks[0](maps[0])
        for index, block in enumerate(self.res_blocks):
            if index:
                level = self.resamplers[index - 1](level) + self.input_blocks[index](maps[index])
            level = block(level)
            said.append(self.output_blocks[index](level))
        return said


def _each(value: Any, count: int) -> list[Any]:
    """Return a list with one value per level; a list is returned unchanged."""
    return value if isinstance(value, list) else [value] * count


def _projections(before: Sequence[int | None], after: Sequence[int | None]) -> nn.ModuleList:
    """Return 1x1 convolutions that change the channels; identity if one end is not given."""
    return nn.ModuleList(
        nn.Identity() if one is None or other is None else nn.Conv2d(one, other, 1)
        for one, other in zip(before, after, strict=True)
    )


def _convolution(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, padding_mode="replicate")


def _resampler(before: int, after: int, kind: str) -> nn.Sequential:
    """Return a layer that upsamples maps by 2."""
    if kind == "conv_transpose":
        return nn.Sequential(nn.ConvTranspose2d(before, after, 2, 2), _convolution(after, after))
    if kind in ("nearest", "bilinear"):
        return nn.Sequential(nn.Upsample(scale_factor=2, mode=kind), _convolution(before, after))
    if kind == "pixel_shuffle":
        grown = _convolution(before, 4 * after)
        return nn.Sequential(grown, nn.PixelShuffle(2), _convolution(after, after))
    raise ModelError(
        f"resampler is '{kind}', expected conv_transpose, nearest, bilinear or pixel_shuffle"
    )


class _ResBlock(nn.Module):
    """Two convolutions with a skip connection."""

    def __init__(self, channels: int, said: Mapping[str, Any]) -> None:
        super().__init__()
        hidden = channels * said["dim_times_res_block_hidden"]
        try:
            activation = _ACTIVATIONS[said["activation"]]
            before = _NORMS[said["res_block_in_norm"]]
            between = _NORMS[said["res_block_hidden_norm"]]
        except KeyError as error:
            raise ModelError(f"model_config says {error}, which is not known") from error
        self.layers = nn.Sequential(
            before(channels),
            activation(),
            _convolution(channels, hidden),
            between(hidden),
            activation(),
            _convolution(hidden, channels),
        )

    def forward(self, level: Tensor) -> Tensor:
        mixed: Tensor = level + self.layers(level)
        return mixed
