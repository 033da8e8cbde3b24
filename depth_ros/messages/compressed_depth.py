"""sensor_msgs/CompressedImage with depth: compressedDepth of image_transport, or a plain PNG.

Source: compressed_depth_image_transport, codec.cpp. The file follows a header of 12 bytes: an
integer and the quantisation parameters A and B. 16UC1 is stored unchanged. 32FC1 is stored as
inverse depth, A / depth + B in 16 bits, with 0 for pixels without depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import DepthArray
from depth_ros.config import Settings
from depth_ros.errors import MessageError
from depth_ros.geometry.depth import from_millimetres
from depth_ros.messages import rvl
from depth_ros.messages.compressed import (
    CompressedImage,
    Size,
    is_depth_format,
    read_file,
    refuse_size,
)

_HEADER = np.dtype([("format", "<i4"), ("a", "<f4"), ("b", "<f4")])
_RVL_SIZE = np.dtype([("width", "<u4"), ("height", "<u4")])


@dataclass
class _File:
    """The file after the header."""

    format: str
    data: bytes


def depth_from_compressed(
    msg: CompressedImage, max_pixels: int = Settings.max_image_pixels
) -> DepthArray:
    """Return depth in metres as float32 (H, W); NaN: no depth.

    Args:
        msg: with a `format` such as "16UC1; compressedDepth png", "32FC1; compressedDepth rvl" or
            "16UC1; png compressed ".
        max_pixels: larger images, according to the header, are not decoded.

    Raises:
        MessageError: it is a colour image, damaged, or larger than max_pixels.
    """
    if not is_depth_format(msg.format):
        raise MessageError(f"format is '{msg.format}', expected depth, such as compressedDepth")
    stored_as = msg.format.partition(";")[0].strip()
    data = np.frombuffer(msg.data, np.uint8).tobytes()
    if "compressedDepth" not in msg.format:
        return from_millimetres(_png(_File(msg.format, data), max_pixels))
    if len(data) < _HEADER.itemsize:
        raise MessageError(f"compressedDepth has {len(data)} bytes, expected a header of 12 first")
    head = np.frombuffer(data, _HEADER, 1)[0]
    file = _File(msg.format, data[_HEADER.itemsize :])
    pixels = (_rvl if "rvl" in msg.format else _png)(file, max_pixels)
    if stored_as != "32FC1":
        return from_millimetres(pixels)
    return _from_inverse(pixels, float(head["a"]), float(head["b"]))


def _png(file: _File, max_pixels: int) -> npt.NDArray[np.uint16]:
    pixels = read_file(file, max_pixels)
    if pixels.ndim != 2 or pixels.dtype != np.uint16:
        raise MessageError(
            f"format is '{file.format}' with pixels of {pixels.dtype} {pixels.shape[2:]}, expected "
            "one channel of 16 bits"
        )
    return pixels


def _rvl(file: _File, max_pixels: int) -> npt.NDArray[np.uint16]:
    start = _RVL_SIZE.itemsize
    if len(file.data) < start:
        raise MessageError(f"RVL has {len(file.data)} bytes, expected width and height first")
    size = Size(*(int(side) for side in np.frombuffer(file.data, _RVL_SIZE, 1)[0]))
    refuse_size(size, max_pixels)
    try:
        pixels = rvl.decode(file.data[start:], size.width * size.height)
    except (ValueError, MemoryError) as error:
        raise MessageError(
            f"data ({len(file.data)} bytes, format '{file.format}') cannot be decoded, expected "
            f"whole RVL of {size.width}x{size.height}: {error}"
        ) from error
    return pixels.reshape(size.height, size.width)


def _from_inverse(stored: npt.NDArray[np.uint16], a: float, b: float) -> DepthArray:
    if not (np.isfinite([a, b]).all() and a > 0):
        raise MessageError(f"compressedDepth has quantisation {a:g}, {b:g}, expected finite, > 0")
    with np.errstate(divide="ignore"):
        depth_m = (a / (stored - b)).astype(np.float32)
    depth_m[(stored == 0) | ~(depth_m > 0) | ~np.isfinite(depth_m)] = np.nan
    return depth_m
