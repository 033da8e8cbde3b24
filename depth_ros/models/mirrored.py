"""A network run on an image and on its mirror image."""

from __future__ import annotations

import torch
from torch import Tensor

from depth_ros.models.base import Executor, Raw


class Mirrored:
    """An executor whose output is the mean over an image and its mirror image, at twice the cost.

    The two run one after the other, because a network that selects one head for a whole batch may
    select another one for the mirror image.
    """

    def __init__(self, execute: Executor) -> None:
        self._execute = execute

    @property
    def device(self) -> torch.device:
        """Device of the outputs."""
        return self._execute.device

    def __call__(self, *inputs: Tensor) -> Raw:
        """Return the mean output for images (B, 3, h, w) and their prompt, if any."""
        straight = self._execute(*inputs)
        mirrored = self._execute(*(image.flip(-1) for image in inputs))
        if isinstance(straight, Tensor):
            return _mean(straight, mirrored)
        return tuple(_mean(one, other) for one, other in zip(straight, mirrored, strict=True))

    def part(self, name: str) -> Mirrored:
        """Return the same for a part of the network."""
        return Mirrored(self._execute.part(name))


def _mean(straight: Tensor, mirrored: Raw) -> Tensor:
    """Return the mean of two outputs; maps of the mirror image are mirrored back first."""
    assert isinstance(mirrored, Tensor)
    if mirrored.ndim == 4:
        mirrored = mirrored.flip(2)
        mirrored = torch.cat([-mirrored[..., :1], mirrored[..., 1:]], dim=-1)
    elif mirrored.ndim > 1:
        mirrored = mirrored.flip(-1)
    return (straight + mirrored) / 2
