# ruff: noqa: D102 - the fields are documented in sensor_msgs
"""sensor_msgs/Image: its pixels, and their conversion to RGB."""

from __future__ import annotations

import math
from typing import Any, Protocol

import cv2
import numpy as np

from depth_ros.config import Settings
from depth_ros.errors import MessageError
from depth_ros.messages.data import Bytes, Data, Samples
from depth_ros.messages.encodings import COLOURS, Encoding, Packed, Planar, Yuv444, find, typed

# BT.601 with video range, as in OpenCV's own conversions of YUV: r, g, b of y, u, v and 1.
_Y, _RV, _GU, _GV, _BU = 255 / 219, 1.596027, -0.391762, -0.812968, 2.017232
_RGB_FROM_YUV = np.array(
    [
        [_Y, 0, _RV, -16 * _Y - 128 * _RV],
        [_Y, _GU, _GV, -16 * _Y - 128 * (_GU + _GV)],
        [_Y, _BU, 0, -16 * _Y - 128 * _BU],
    ]
)


class Image(Protocol):
    """sensor_msgs/Image."""

    height: int
    width: int
    encoding: str
    step: int

    @property
    def is_bigendian(self) -> int: ...
    @property
    def data(self) -> Data: ...


def rgb_from_image(msg: Image, untyped_order: str = Settings.untyped_order) -> Bytes:
    """Return a colour or grey sensor_msgs/Image as rgb uint8 (H, W, 3).

    rgb8 is not copied: the array is a view of the message's data, strided if its rows are padded.
    16 bits are converted to 8 as in cv_bridge: round(value * 255 / 65535), after the colours. YUV
    is BT.601 with video range, as in OpenCV; Bayer patterns are interpolated bilinearly. 8UC1 is
    grey.

    Args:
        msg: the image. YUV planes may have rows of `step` bytes (colour planes of I420 and YV12:
            half as many), or no padding, with `step` equal to the total size over the height.
        untyped_order: channel order of 8UC3 and 8UC4, "bgr" or "rgb"; otherwise they are refused.

    Raises:
        MessageError: the encoding is not one of COLOUR_ENCODINGS, or the sizes contradict each
            other.
    """
    encoding = find(COLOURS, typed(msg.encoding, untyped_order))
    return rgb_of(pixels_of(msg, encoding), encoding)


def check_image(msg: Image, untyped_order: str) -> None:
    """Raise the errors of rgb_from_image() without converting the image."""
    pixels_of(msg, find(COLOURS, typed(msg.encoding, untyped_order)))


def image_content(pixels: Samples, encoding: str) -> dict[str, Any]:
    """Return the fields of a sensor_msgs/Image except its header, without padding.

    Args:
        pixels: (H, W) or (H, W, samples), whose type fits the encoding; they become data.
        encoding: of the pixels.
    """
    height, width, *samples = pixels.shape
    return {
        "height": height,
        "width": width,
        "encoding": encoding,
        "is_bigendian": 0,
        "step": width * math.prod(samples) * pixels.itemsize,
        "data": pixels,
    }


def pixels_of(msg: Image, encoding: Encoding) -> Samples:
    """Return the samples (rows, W) or (rows, W, samples), native-endian, without padding.

    Raises:
        MessageError: the sizes contradict each other.
    """
    if msg.width <= 0 or msg.height <= 0:
        raise MessageError(f"{_name(msg)}: width and height are expected to be positive")
    if not isinstance(encoding, Packed):
        return _planes(msg, encoding)
    dtype = np.dtype(encoding.dtype).newbyteorder(">" if msg.is_bigendian else "<")
    row_bytes = msg.width * encoding.samples * dtype.itemsize
    _check_multiple(msg, *encoding.multiple)
    pixels: Samples = _rows(msg, row_bytes, msg.height)[:, :row_bytes].view(dtype)
    if encoding.samples > 1:
        pixels = pixels.reshape(msg.height, msg.width, encoding.samples)
    # OpenCV reads 16-bit samples wrongly if rows begin at odd addresses.
    return pixels.astype(dtype.newbyteorder("="), copy=not pixels.flags.aligned)


def rgb_of(pixels: Samples, encoding: Encoding) -> Bytes:
    """Return the samples of an image in one of COLOURS as rgb uint8 (H, W, 3).

    Raises:
        MessageError: OpenCV cannot convert them, or the encoding has no colours.
    """
    if isinstance(encoding, Yuv444):
        return _rgb_of_yuv444(pixels)
    code = encoding.to_rgb
    if code is not None:
        rgb = _converted(pixels, code)
    elif isinstance(encoding, Packed) and encoding.samples == 3:
        rgb = pixels
    else:
        raise MessageError(f"pixels {pixels.shape} cannot be converted to RGB: {encoding}")
    if rgb.dtype == np.uint16:
        rgb = cv2.convertScaleAbs(rgb, alpha=255 / 65535)
    return rgb


def _converted(pixels: Samples, code: int) -> Samples:
    try:
        return cv2.cvtColor(pixels, code)
    except cv2.error as error:
        raise MessageError(f"pixels {pixels.shape} cannot be converted to RGB: {error}") from error


def _planes(msg: Image, encoding: Planar | Yuv444) -> Samples:
    """Return all planes (rows, W) below each other, the layout of OpenCV."""
    width, height = msg.width, msg.height
    _check_multiple(msg, encoding.subsampling, encoding.subsampling)
    rows = encoding.rows(height)
    data = np.frombuffer(msg.data, np.uint8)
    if data.size == rows * width and msg.step in (width, data.size // height):
        return data.reshape(rows, width)
    lines = _rows(msg, width, rows)
    samples = 2 if encoding.interleaved else 1
    colour_step, remainder = divmod(samples * msg.step, encoding.subsampling)
    if remainder:
        raise MessageError(f"{_name(msg)}: step is {msg.step} bytes, expected an even number")
    colours = lines[height:].reshape(-1, colour_step)
    colours = colours[:, : samples * width // encoding.subsampling]
    return np.concatenate([lines[:height, :width], colours.reshape(-1, width)])


def _rgb_of_yuv444(planes: Samples) -> Bytes:
    """Return Y (H, W) over interleaved U and V (2 H, W) as rgb uint8 (H, W, 3)."""
    height, width = len(planes) // 3, planes.shape[1]
    colours = planes[height:].reshape(height, width, 2)
    yuv = np.concatenate([planes[:height, :, None], colours], axis=-1)
    rgb: Samples = cv2.transform(yuv, _RGB_FROM_YUV)
    return rgb


def _rows(msg: Image, row_bytes: int, rows: int) -> Bytes:
    """Return an image's data (rows, step)."""
    data = np.frombuffer(msg.data, np.uint8)
    if msg.step < row_bytes:
        raise MessageError(f"{_name(msg)}: step is {msg.step} bytes, expected at least {row_bytes}")
    if data.size != rows * msg.step:
        raise MessageError(
            f"{_name(msg)}: data has {data.size} bytes, expected {rows} rows of step {msg.step}, "
            f"{rows * msg.step} bytes"
        )
    return data.reshape(rows, msg.step)


def _check_multiple(msg: Image, across: int, down: int) -> None:
    if msg.width % across or msg.height % down:
        raise MessageError(
            f"{_name(msg)}: width and height are expected to be multiples of {across} and {down}"
        )


def _name(msg: Image) -> str:
    return f"{msg.width}x{msg.height} {msg.encoding} image"
