# ruff: noqa: D102 - what the messages' fields mean is said in sensor_msgs
"""sensor_msgs/Image: pixels as they lie in memory, and as RGB."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import cv2
import numpy as np

from depth_ros.errors import MessageError
from depth_ros.messages.data import Bytes, Data, Samples


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


class Encoding(NamedTuple):
    """How one encoding of sensor_msgs/image_encodings.hpp lies in memory, and what makes it RGB."""

    dtype: str
    samples: int  # per pixel of a row
    to_rgb: int | None = None  # OpenCV's code; None: it is RGB
    half_as_many_rows_more: bool = False  # a plane of colours at half resolution below the image
    multiple: tuple[int, int] = (1, 1)  # of which width and height must be


COLOURS: dict[str, Encoding] = {
    f"{name}{bits}": Encoding(f"u{bits // 8}", samples, code)
    for bits in (8, 16)
    for name, samples, code in (
        ("rgb", 3, None),
        ("bgr", 3, cv2.COLOR_BGR2RGB),
        ("rgba", 4, cv2.COLOR_RGBA2RGB),
        ("bgra", 4, cv2.COLOR_BGRA2RGB),
        ("mono", 1, cv2.COLOR_GRAY2RGB),
        # ROS names the pattern by the pixels from (0, 0) on, OpenCV by those from (1, 1) on.
        ("bayer_rggb", 1, cv2.COLOR_BayerBG2RGB),
        ("bayer_bggr", 1, cv2.COLOR_BayerRG2RGB),
        ("bayer_gbrg", 1, cv2.COLOR_BayerGR2RGB),
        ("bayer_grbg", 1, cv2.COLOR_BayerGB2RGB),
    )
} | {
    "8UC1": Encoding("u1", 1, cv2.COLOR_GRAY2RGB),
    "uyvy": Encoding("u1", 2, cv2.COLOR_YUV2RGB_UYVY, multiple=(2, 1)),
    "yuv422": Encoding("u1", 2, cv2.COLOR_YUV2RGB_UYVY, multiple=(2, 1)),
    "yuyv": Encoding("u1", 2, cv2.COLOR_YUV2RGB_YUYV, multiple=(2, 1)),
    "yuv422_yuy2": Encoding("u1", 2, cv2.COLOR_YUV2RGB_YUYV, multiple=(2, 1)),
    "nv12": Encoding("u1", 1, cv2.COLOR_YUV2RGB_NV12, True, (2, 2)),
    "nv21": Encoding("u1", 1, cv2.COLOR_YUV2RGB_NV21, True, (2, 2)),
}
COLOUR_ENCODINGS = tuple(COLOURS)


def rgb_from_image(msg: Image) -> Bytes:
    """Return a colour or grey sensor_msgs/Image as rgb uint8 (H, W, 3).

    rgb8 is not copied: the array is a view of the message's data, strided if its rows are padded.
    16 bits become 8 as in cv_bridge: round(value * 255 / 65535), after the colour conversion. YUV
    is BT.601 with video range, as in OpenCV; Bayer patterns are interpolated bilinearly. 8UC1 is
    grey; 8UC3 and 8UC4 do not say which channel is red and are refused, as in cv_bridge.

    Raises:
        MessageError: the encoding is not one of COLOUR_ENCODINGS, or the sizes contradict each
            other.
    """
    encoding = find(COLOURS, msg.encoding)
    return to_rgb8(pixels_of(msg, encoding), encoding.to_rgb)


def find(known: dict[str, Encoding], name: str) -> Encoding:
    """Return how an encoding lies in memory, if it is one of those known."""
    if name not in known:
        raise MessageError(f"encoding is '{name}', expected one of: {', '.join(known)}")
    return known[name]


def pixels_of(msg: Image, encoding: Encoding) -> Samples:
    """Return the samples (rows, W) or (rows, W, samples), native-endian, without padding."""
    rows = msg.height * 3 // 2 if encoding.half_as_many_rows_more else msg.height
    dtype = np.dtype(encoding.dtype).newbyteorder(">" if msg.is_bigendian else "<")
    row_bytes = msg.width * encoding.samples * dtype.itemsize
    data = np.frombuffer(msg.data, np.uint8)
    _check_sizes(msg, encoding, row_bytes, rows, data.size)
    pixels: Samples = data.reshape(rows, msg.step)[:, :row_bytes].view(dtype)
    if encoding.samples > 1:
        pixels = pixels.reshape(rows, msg.width, encoding.samples)
    # OpenCV misreads 16-bit samples whose rows begin at odd addresses.
    return pixels.astype(dtype.newbyteorder("="), copy=not pixels.flags.aligned)


def _check_sizes(msg: Image, encoding: Encoding, row_bytes: int, rows: int, size: int) -> None:
    image = f"{msg.width}x{msg.height} {msg.encoding} image"
    if msg.width <= 0 or msg.height <= 0:
        raise MessageError(f"{image}: width and height are expected to be positive")
    across, down = encoding.multiple
    if msg.width % across or msg.height % down:
        raise MessageError(
            f"{image}: width and height are expected to be multiples of {across} and {down}"
        )
    if msg.step < row_bytes:
        raise MessageError(f"{image}: step is {msg.step} bytes, expected at least {row_bytes}")
    if size != rows * msg.step:
        raise MessageError(
            f"{image}: data has {size} bytes, expected {rows} rows of step {msg.step}, "
            f"{rows * msg.step} bytes"
        )


def to_rgb8(pixels: Samples, code: int | None) -> Bytes:
    """Return pixels (H, W) or (H, W, samples) of 8 or 16 bits as rgb uint8 (H, W, 3)."""
    rgb: Samples = pixels if code is None else cv2.cvtColor(pixels, code)
    if rgb.dtype == np.uint16:
        rgb = cv2.convertScaleAbs(rgb, alpha=255 / 65535)
    return rgb
