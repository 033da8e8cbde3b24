"""Image to network input and back: the preprocessing rules of all families.

The rules are those of transformers' image processors, in torch on the image's own device:
ZoeDepthImageProcessor; DPTImageProcessor, which Depth Anything shares, and
PromptDepthAnythingImageProcessor, which treats images in the same way; DepthProImageProcessor.
MoGe's are those of its own infer(), Depth Anything 3's of its InputProcessor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.errors import ModelError
from depth_ros.models.opencv_resize import opencv_resize
from depth_ros.models.pillow_resize import pillow_resize
from depth_ros.models.resizing import Resizing

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours of ImageNet, as fractions of full scale."""


@dataclass(frozen=True)
class Preprocessing(Resizing):
    """How a checkpoint's images are resized, padded and normalised. The defaults are ZoeDepth's.

    Attributes:
        height, width, multiple, fit, pad, resize: see Resizing.
        mean, std: of the colours, as fractions of full scale.

    Raises:
        ModelError: a value is of the wrong type, or out of its range.
    """

    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("mean", -math.inf), ("std", 0.0)):
            values = getattr(self, name)
            if len(values) != 3 or not all(least < each < math.inf for each in values):
                text = "positive numbers" if least == 0 else "numbers"
                raise ModelError(f"{name} is {values!r}, expected three finite {text}")

    def __call__(self, rgb: Tensor) -> Tensor:
        """Convert uint8 images (B, H, W, 3) to the network's input, float32 (B, 3, h, w)."""
        pixels = self._normalised(self._resized(rgb.permute(0, 3, 1, 2)))
        return self._zero_padded(pixels) if self.resize == "none" else pixels

    def normalised(self, rgb: Tensor) -> Tensor:
        """Convert uint8 images (B, h, w, 3) of the network's size to its input."""
        return self._normalised(_planes(rgb.permute(0, 3, 1, 2)))

    def _normalised(self, levels: Tensor) -> Tensor:
        mean, std = _levels(self.mean, levels.device), _levels(self.std, levels.device)
        return levels.sub_(mean).div_(std)

    def restore(self, raw: Tensor, height: int, width: int, mode: str = "bicubic") -> Tensor:
        """Resize maps (B, h, w) of any size to the padded image and cut off the margin.

        Returns: (B, height, width).
        """
        top, left = self.padding(height, width)
        values = _enlarged(raw.float(), self.padded_size(height, width), mode)
        return values[:, top : top + height, left : left + width]

    def _resized(self, pixels: Tensor) -> Tensor:
        """Return (B, 3, h, w) uint8 as float32 at the network's size, in levels 0 to 255."""
        height, width = pixels.shape[-2:]
        size = self.network_size(*self.padded_size(height, width))
        if self.resize.startswith("pillow_"):
            pixels = pillow_resize(pixels, size, self.resize.removeprefix("pillow_"))
            return _planes(pixels)
        if self.resize == "opencv":
            near = self.within(height, width) if self.fit == "upper_bound" else size
            return _planes(opencv_resize(opencv_resize(pixels, near), size))
        pixels = _planes(pixels)
        if self.resize == "none":
            return pixels
        if self.resize in ("bilinear", "bilinear_antialias"):
            antialias = self.resize == "bilinear_antialias"
            return functional.interpolate(pixels, size, mode="bilinear", antialias=antialias)
        rows, columns = self.padding(height, width)
        if rows or columns:
            pixels = functional.pad(pixels, (columns, columns, rows, rows), mode="reflect")
        return functional.interpolate(pixels, size, mode="bilinear", align_corners=True)

    def _zero_padded(self, pixels: Tensor) -> Tensor:
        height, width = pixels.shape[-2:]
        padded = self.padded_size(height, width)
        top, left = self.padding(height, width)
        return functional.pad(
            pixels, (left, padded[1] - width - left, top, padded[0] - height - top)
        )


def _planes(pixels: Tensor) -> Tensor:
    """Return levels (B, 3, h, w) as float32, one colour plane after the other in memory."""
    return pixels.to(torch.float32, memory_format=torch.contiguous_format)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _levels(shares: tuple[float, ...], device: torch.device) -> Tensor:
    """Return fractions of full scale as levels (3, 1, 1); cached: a copy to a GPU waits for it."""
    return torch.tensor(shares, device=device)[:, None, None] * 255


def _enlarged(maps: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """Resize maps (B, h, w) like torch's interpolate; OpenCV's bicubic is equal, and faster."""
    if maps.device.type != "cpu" or mode != "bicubic":
        return functional.interpolate(maps[:, None], size, mode=mode)[:, 0]
    out = maps.new_empty((len(maps), *size))
    for source, target in zip(maps.numpy(), out.numpy(), strict=True):
        cv2.resize(source, size[::-1], target, interpolation=cv2.INTER_CUBIC)
    return out
