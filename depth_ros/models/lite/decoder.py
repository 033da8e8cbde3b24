"""A light feature pyramid: from maps of five scales to one of stride 2."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


def _conv3(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
    )


class Fuse(nn.Module):
    """Add a map of the encoder to the enlarged coarser one, and refine the sum."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.lateral = nn.Conv2d(channels_in, channels, 1)
        self.refine = nn.Sequential(*_conv3(channels), nn.ReLU(), *_conv3(channels))

    def forward(self, skip: Tensor, coarse: Tensor) -> Tensor:
        """Return the map at the skip's size."""
        enlarged = functional.interpolate(coarse, skip.shape[-2:], mode="bilinear")
        x = self.lateral(skip) + enlarged
        return functional.relu(x + self.refine(x))


class Decoder(nn.Module):
    """Feature pyramid over an encoder's maps; the mean of the coarsest is added everywhere.

    Args:
        encoder_channels: of the maps, the finest first.
        channels: of every map here.
    """

    def __init__(self, encoder_channels: Sequence[int], channels: int) -> None:
        super().__init__()
        self.scene = nn.Linear(encoder_channels[-1], channels)
        self.fuse = nn.ModuleList(Fuse(count, channels) for count in encoder_channels)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the refined maps, the coarsest first."""
        scene = self.scene(maps[-1].mean((2, 3)))[..., None, None]
        x = scene.expand(-1, -1, *maps[-1].shape[-2:])
        refined = []
        for fuse, skip in zip(reversed(self.fuse), reversed(maps), strict=True):
            x = fuse(skip, x)
            refined.append(x)
        return refined
