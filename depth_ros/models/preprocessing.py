"""Image to network input and back: the preprocessing rules of all families.

The rules are those of transformers' image processors, in torch on the image's own device:
ZoeDepthImageProcessor; DPTImageProcessor, which Depth Anything shares, and
PromptDepthAnythingImageProcessor, which treats images in the same way; DepthProImageProcessor.
MoGe's are those of its own infer(), Depth Anything 3's of its InputProcessor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import cv2
import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.errors import ModelError
from depth_ros.models.opencv_resize import opencv_resize

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

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours of ImageNet, as fractions of full scale."""

_RESIZES, _FITS = get_args(Resize), get_args(Fit)
_MOST_PX = 16384

# Meaning of `resample` in a preprocessor_config.json (Pillow's number), for each processor.
_RESAMPLE: dict[Resize, dict[int, Resize]] = {
    "bilinear": {2: "bilinear"},
    "bilinear_corners": {2: "bilinear_corners"},
    "pillow_bilinear": {2: "pillow_bilinear", 3: "pillow_bicubic"},
    "pillow_bicubic": {2: "pillow_bilinear", 3: "pillow_bicubic"},
}


@dataclass(frozen=True)
class Preprocessing:
    """How a checkpoint's images are resized, padded and normalised. The defaults are ZoeDepth's.

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
        mean, std: of the colours, as fractions of full scale.

    Raises:
        ModelError: a value is of the wrong type, or out of its range.
    """

    height: int = 384
    width: int = 512
    multiple: int = 32
    fit: Fit = "minimal"
    pad: bool = True
    resize: Resize = "bilinear_corners"
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        for name in ("height", "width", "multiple"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= _MOST_PX:
                raise ModelError(f"{name} is {value!r}, expected an integer of 1 to {_MOST_PX}")
        for name, allowed in (("pad", (True, False)), ("fit", _FITS), ("resize", _RESIZES)):
            if getattr(self, name) not in allowed:
                raise ModelError(f"{name} is {getattr(self, name)!r}, expected one of {allowed}")
        for name, least in (("mean", -math.inf), ("std", 0.0)):
            values = getattr(self, name)
            if len(values) != 3 or not all(least < each < math.inf for each in values):
                text = "positive numbers" if least == 0 else "numbers"
                raise ModelError(f"{name} is {values!r}, expected three finite {text}")

    @classmethod
    def from_config(cls, config: dict[str, Any], defaults: Preprocessing) -> Preprocessing:
        """Read a preprocessor_config.json; missing values and null are the defaults.

        Raises:
            ModelError: it contains an option that is unsupported, because no published checkpoint
                uses it, or a value is of the wrong type or out of its range.
        """
        config = {key: value for key, value in config.items() if value is not None}
        size = config.get("size", {})
        size = {"height": size, "width": size} if isinstance(size, int) else size
        if not isinstance(size, dict):
            raise ModelError(f"size is {size!r}, expected a number, or height and width")
        resize = _resize(config, defaults.resize)
        multiple, pad = _multiple_and_pad(config, resize, defaults)
        return cls(
            height=size.get("height", defaults.height),
            width=size.get("width", defaults.width),
            multiple=multiple,
            fit=_fit(config, defaults.fit),
            pad=pad,
            resize=resize,
            mean=_share(config, "image_mean", defaults.mean),
            std=_share(config, "image_std", defaults.std),
        )

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
            near = self._within(height, width)
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

    def _within(self, height: int, width: int) -> tuple[int, int]:
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

    def _resized(self, pixels: Tensor) -> Tensor:
        """Return (B, 3, h, w) uint8 as float32 at the network's size, in levels 0 to 255."""
        height, width = pixels.shape[-2:]
        size = self.network_size(*self.padded_size(height, width))
        if self.resize.startswith("pillow_"):
            pixels = pillow_resize(pixels, size, self.resize.removeprefix("pillow_"))
            return _planes(pixels)
        if self.resize == "opencv":
            near = self._within(height, width) if self.fit == "upper_bound" else size
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


def pillow_resize(pixels: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """Resize uint8 images (B, C, H, W) with Pillow's antialiased bilinear or bicubic filter.

    On the CPU torch has Pillow's fixed-point arithmetic; on a GPU see rounded_resize. Both filter
    rows before columns. Pillow does the same, except for images that become wider and lower: there
    single pixels at edges differ by up to a dozen levels.
    """
    if pixels.device.type == "cpu":
        return functional.interpolate(pixels, size, mode=mode, antialias=True)
    return rounded_resize(pixels, size, mode)


def rounded_resize(pixels: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """Do the same as pillow_resize in floating point; returns float32 integer levels, 0 to 255.

    Rounding after each of the two passes is needed: it removes the filter's overshoot at edges.
    """
    levels = pixels.float()
    for part in ((pixels.shape[-2], size[1]), size):
        levels = functional.interpolate(levels, part, mode=mode, antialias=True)
        levels = levels.round_().clamp_(0, 255)
    return levels


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


def _resize(config: dict[str, Any], default: Resize) -> Resize:
    if not config.get("do_resize", True):
        return "none"
    known = _RESAMPLE[default]
    resample = config.get("resample")
    if resample is None:
        return default
    if not isinstance(resample, int) or resample not in known:
        raise ModelError(f"resample is {resample}, expected one of {', '.join(map(str, known))}")
    return known[resample]


def _fit(config: dict[str, Any], default: Fit) -> Fit:
    """Return the fit that keep_aspect_ratio means; the file does not define how it is kept."""
    keep = config.get("keep_aspect_ratio")
    if keep is None:
        return default
    kept: Fit = "minimal" if default == "warp" else default
    return kept if keep else "warp"


def _multiple_and_pad(
    config: dict[str, Any], resize: Resize, defaults: Preprocessing
) -> tuple[int, bool]:
    multiple = config.get("ensure_multiple_of", defaults.multiple)
    pad = config.get("do_pad", defaults.pad)
    if resize == "bilinear_corners":
        return multiple, pad
    # All except ZoeDepth pad to a multiple of size_divisor, and only if it is given.
    divisor = config.get("size_divisor") if pad else None
    for name, value in (("size_divisor", divisor), ("ensure_multiple_of", multiple)):
        if value is not None and (type(value) is not int or value < 1):
            raise ModelError(f"{name} is {value!r}, expected a positive integer")
    if resize == "none":
        return divisor or 1, divisor is not None
    if divisor and multiple % divisor:
        raise ModelError(
            f"size_divisor is {divisor} after a resize to multiples of {multiple}, "
            "expected a divisor of it"
        )
    return multiple, False


def _share(config: dict[str, Any], key: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """Return a mean or deviation of colours as fractions of full scale, one for each colour."""
    if not config.get("do_normalize", True):
        return (0.0, 0.0, 0.0) if key == "image_mean" else (1.0, 1.0, 1.0)
    value = config.get(key, default)
    values: Sequence[Any] = value if isinstance(value, Sequence) else [value] * 3
    # Without rescaling the statistics are in levels of 0 to 255.
    factor = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0
    if not _is_number(factor) or not factor > 0:
        raise ModelError(f"rescale_factor is {factor!r}, expected a positive number")
    if not all(map(_is_number, values)):
        raise ModelError(f"{key} is {value!r}, expected three numbers")
    return tuple(level / (255 * factor) for level in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
