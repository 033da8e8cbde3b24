# ruff: noqa: D102 - what the messages' fields mean is said in sensor_msgs
"""sensor_msgs/CompressedImage: pictures in the format of a file."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from depth_ros.errors import MessageError
from depth_ros.messages.data import Bytes, Data, Samples
from depth_ros.messages.images import COLOURS, find, to_rgb8

# The pixels as they were stored: grey stays one channel, 16 bits stay 16, and an EXIF orientation
# does not turn the image away from its camera. Only alpha is left out.
_AS_STORED = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION


class CompressedImage(Protocol):
    """sensor_msgs/CompressedImage."""

    format: str

    @property
    def data(self) -> Data: ...


def rgb_from_compressed(msg: CompressedImage) -> Bytes:
    """Return a sensor_msgs/CompressedImage (JPEG, PNG) as rgb uint8 (H, W, 3).

    The colours are those that the file itself states. Of `format`, as compressed_image_transport
    writes it ("rgb8; jpeg compressed bgr8"), only a Bayer pattern that was stored uninterpolated
    ("bayer_rggb8; png compressed ") is used.

    Raises:
        MessageError: the data cannot be decoded, or it is a depth image.
    """
    stored_as, _, compression = msg.format.partition(";")
    stored_as = stored_as.strip()
    if "compressedDepth" in msg.format or stored_as in ("16UC1", "32FC1"):
        raise MessageError(f"format is '{msg.format}', a depth image, expected colours or grey")
    pixels = _decoded(msg)
    if pixels.ndim == 3:
        return to_rgb8(pixels, cv2.COLOR_BGR2RGB)
    is_mosaic = stored_as.startswith("bayer_") and "mono" not in compression
    return to_rgb8(pixels, find(COLOURS, stored_as if is_mosaic else "mono8").to_rgb)


def _decoded(msg: CompressedImage) -> Samples:
    """Return what the file holds: grey (H, W) or bgr (H, W, 3), 8 or 16 bits."""
    data = np.frombuffer(msg.data, np.uint8)
    # OpenCV raises on no data, and returns None on bad data.
    pixels: Samples | None = cv2.imdecode(data, _AS_STORED) if data.size else None
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise MessageError(
            f"data ({data.size} bytes, format '{msg.format}') is no image that can be decoded, "
            "expected JPEG or PNG of 8 or 16 bits"
        )
    return pixels
