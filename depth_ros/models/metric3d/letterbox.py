"""Places an image in the middle of a canvas of Metric3D's fixed size."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

CANVAS = (616, 1064)
_MARGIN = (124, 116, 104)
"""ImageNet's mean colour, rounded to integers as by OpenCV's copyMakeBorder."""

_HOST = "cpu"
"""The device on which OpenCV itself is used."""


class Box(NamedTuple):
    """Position of an image on the canvas; scale is canvas pixels per image pixel."""

    top: int
    left: int
    height: int
    width: int
    scale: float

    @classmethod
    def of(cls, height: int, width: int) -> Box:
        """Return the largest box of an image's aspect ratio, as upstream's prepare_input()."""
        scale = min(CANVAS[0] / height, CANVAS[1] / width)
        rows, columns = max(1, int(height * scale)), max(1, int(width * scale))
        return cls((CANVAS[0] - rows) // 2, (CANVAS[1] - columns) // 2, rows, columns, scale)

    def cut(self, maps: Tensor) -> Tensor:
        """Return the part of maps (B, *CANVAS) that shows the image."""
        rows, columns = slice(self.top, self.top + self.height), slice(self.left, None)
        return maps[:, rows, columns][..., : self.width]


def placed(rgb: Tensor) -> Tensor:
    """Return uint8 images (B, H, W, 3) on the canvas: float32 from 0 to 255 (B, 3, *CANVAS)."""
    box = Box.of(*rgb.shape[1:3])
    planes = _resized(rgb, (box.height, box.width))
    below = CANVAS[0] - box.top - box.height
    right = CANVAS[1] - box.left - box.width
    ends = (box.left, right, box.top, below)
    return torch.stack(
        [
            functional.pad(planes[:, channel], ends, value=float(level))
            for channel, level in enumerate(_MARGIN)
        ],
        dim=1,
    )


def _resized(rgb: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images (B, 3, *size), bilinear as OpenCV's resize, rounded to integers."""
    if rgb.device.type == _HOST:
        images = [cv2.resize(each, size[::-1]) for each in rgb.numpy()]
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    levels = functional.interpolate(rgb.permute(0, 3, 1, 2).float(), size, mode="bilinear")
    return levels.round_()
