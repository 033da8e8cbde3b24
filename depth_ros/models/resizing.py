"""The sizes that images are padded and resized to before a network sees them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from depth_ros.errors import ModelError

Resize = Literal[
    "none",
    "bilinear",
    "bilinear_antialias",
    "bilinear_corners",
    "opencv",
    "pillow_bilinear",
    "pillow_bicubic",
]
Fit = Literal["warp", "minimal", "lower_bound", "upper_bound", "area", "floor"]
"""How an image of another aspect ratio is resized; the first four are MiDaS's terms."""

_RESIZES, _FITS = get_args(Resize), get_args(Fit)
_MOST_PX = 16384


@dataclass(frozen=True)
class Resizing:
    """How a checkpoint's images are padded and resized. The defaults are ZoeDepth's.

    Attributes:
        height, width: the target size of the resize; unused without a resize.
        multiple: sides of the network's input are multiples of this.
        fit: warp resizes both sides to the target; minimal keeps the aspect ratio and scales as
            little as possible; lower_bound keeps it, and makes no side smaller than the target;
            upper_bound makes the longest side the target's longest; area keeps the aspect ratio,
            and has as many cells of the multiple as the target; floor has no target, and rounds
            the image's own size down to the multiple.
        pad: put a margin around the image: mirrored, before the resize, against artefacts at the
            border (ZoeDepth); or, without a resize, zeros up to the multiple (DINOv2's heads).
        resize: none; bilinear with aligned pixel areas (Depth Pro), with antialiasing too (MoGe),
            or with aligned centres of the corner pixels (ZoeDepth); OpenCV's by areas or bicubic on
            8 bit, first to the size and then to the multiple (Depth Anything 3); Pillow's
            antialiased filters on 8 bit (DPT and similar).

    Raises:
        ModelError: a value is of the wrong type, or out of its range.
    """

    height: int = 384
    width: int = 512
    multiple: int = 32
    fit: Fit = "minimal"
    pad: bool = True
    resize: Resize = "bilinear_corners"

    def __post_init__(self) -> None:
        for name in ("height", "width", "multiple"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= _MOST_PX:
                raise ModelError(f"{name} is {value!r}, expected an integer of 1 to {_MOST_PX}")
        for name, allowed in (("pad", (True, False)), ("fit", _FITS), ("resize", _RESIZES)):
            if getattr(self, name) not in allowed:
                raise ModelError(f"{name} is {getattr(self, name)!r}, expected one of {allowed}")

    def padding(self, height: int, width: int) -> tuple[int, int]:
        """Return the number of margin rows above and columns to the left of an image."""
        if self.resize == "none":
            padded = self.padded_size(height, width)
            return (padded[0] - height) // 2, (padded[1] - width) // 2
        return self._mirrored(height), self._mirrored(width)

    def padded_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of an image with its margin."""
        if self.resize == "none":
            unit = self.multiple if self.pad else 1
            return math.ceil(height / unit) * unit, math.ceil(width / unit) * unit
        return height + 2 * self._mirrored(height), width + 2 * self._mirrored(width)

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the network's input size for an image of height x width, margin included."""
        if self.resize == "none":
            return height, width
        if self.fit == "floor":
            return self._floored(height), self._floored(width)
        if self.fit == "area":
            return self._of_area(height / width), self._of_area(width / height)
        if self.fit == "upper_bound":
            near = self.within(height, width)
            return self._nearest(near[0]), self._nearest(near[1])
        scale_height, scale_width = self.height / height, self.width / width
        if self.fit == "minimal":
            # The side whose scale is nearer to one decides.
            fit_width = abs(1 - scale_width) < abs(1 - scale_height)
            scale_height = scale_width = scale_width if fit_width else scale_height
        elif self.fit == "lower_bound":
            scale_height = scale_width = max(scale_height, scale_width)
        return (
            self._rounded(scale_height * height, self.height),
            self._rounded(scale_width * width, self.width),
        )

    def image_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of an image that is resized to exactly this network input.

        Raises:
            ModelError: there is no such size.
        """
        # The larger an image is, the less its margin changes its aspect ratio.
        for factor in (1, 2, 4, 8):
            image = factor * height, factor * width
            if self.network_size(*self.padded_size(*image)) == (height, width):
                return image
        raise ModelError(
            f"no image is resized to {height}x{width}, expected a size that is a multiple of "
            f"{self.multiple} and of the aspect ratio of the camera's images"
        )

    def scale(self, height: int, width: int) -> tuple[float, float]:
        """Return the scale from image to network pixels, vertical and horizontal.

        With aligned corner pixels, scales are ratios of sizes minus one.
        """
        padded = self.padded_size(height, width)
        size = self.network_size(*padded)
        less = 1 if self.resize == "bilinear_corners" else 0
        # An image of one pixel would divide by zero.
        down, across = (max(1, length - less) for length in padded)
        return (size[0] - less) / down, (size[1] - less) / across

    def _mirrored(self, length: int) -> int:
        """Source: ZoeDepth's infer(), int(3 sqrt(size / 2)); limited by the image's size."""
        return min(int(math.sqrt(length / 2) * 3), length - 1) if self.pad else 0

    def within(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of an image whose longest side is that of the size."""
        scale = max(self.height, self.width) / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def _floored(self, length: int) -> int:
        return max(1, length // self.multiple) * self.multiple

    def _nearest(self, length: int) -> int:
        """Return the nearest multiple, the larger one of two."""
        return max(1, (2 * length + self.multiple) // (2 * self.multiple)) * self.multiple

    def _of_area(self, ratio: float) -> int:
        """Return a side of an input of the size's area, whose other side is 1 / ratio of it."""
        cells = self.height * self.width / self.multiple**2
        return max(1, round(math.sqrt(cells * ratio))) * self.multiple

    def _rounded(self, length: float, size: int) -> int:
        """Return the nearest multiple; with lower_bound, not less than a size."""
        multiples = round(length / self.multiple)
        least = math.ceil(size / self.multiple) if self.fit == "lower_bound" else 1
        return max(least, multiples) * self.multiple
