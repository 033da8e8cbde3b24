"""Reading and writing of depth in sensor_msgs/Image (REP 118)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_ros.config import Settings
from depth_ros.errors import MessageError
from depth_ros.geometry.depth import from_millimetres, to_millimetres
from depth_ros.messages.compressed import is_depth_format
from depth_ros.messages.compressed_depth import depth_from_compressed
from depth_ros.messages.encodings import DEPTH_ENCODINGS, DEPTHS, WRITTEN_DEPTHS, find
from depth_ros.messages.images import Image, image_content, pixels_of

Metres = npt.NDArray[np.float32]


def depth_from(msg: Any, max_pixels: int = Settings.max_image_pixels) -> Metres:
    """Return depth of a sensor_msgs/Image or CompressedImage as float32 (H, W) in metres.

    Raises:
        MessageError: as depth_from_image() and depth_from_compressed().
    """
    # Recognised by its fields, as in rgb_from().
    return (
        depth_from_image(msg)
        if hasattr(msg, "encoding")
        else depth_from_compressed(msg, max_pixels)
    )


def is_depth(msg: Any) -> bool:
    """Return whether a sensor_msgs/Image or CompressedImage contains depth, by its encoding."""
    if hasattr(msg, "encoding"):
        return msg.encoding in DEPTH_ENCODINGS
    return is_depth_format(msg.format)


def depth_from_image(msg: Image) -> Metres:
    """Return a depth image (REP 118) as float32 (H, W) in metres.

    32FC1 is metres, 16UC1 and mono16 are millimetres. Values that are not positive (0, negative,
    -inf) become NaN, no estimate; +inf, nothing in range, stays (REP 117).

    Raises:
        MessageError: the encoding is not one of DEPTH_ENCODINGS, or the sizes contradict each
            other.
    """
    pixels = pixels_of(msg, find(DEPTHS, msg.encoding))
    if pixels.dtype == np.uint16:
        return from_millimetres(pixels)
    return np.where(pixels > 0, pixels, np.float32(np.nan))


def depth_content(depth_m: Metres, encoding: str) -> dict[str, Any]:
    """Return the fields of a depth image, see image_content().

    Args:
        depth_m: float32 (H, W), metres; NaN = no estimate, +inf = beyond range.
        encoding: "32FC1", metres, or "16UC1", integer millimetres with 0 for values that are not a
            distance up to 65.535 m (REP 118).

    Raises:
        MessageError: another encoding.
    """
    if encoding not in WRITTEN_DEPTHS:
        raise MessageError(f"encoding is '{encoding}', expected 32FC1 or 16UC1")
    return image_content(depth_m if encoding == "32FC1" else to_millimetres(depth_m), encoding)
