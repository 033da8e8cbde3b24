"""Read pictures as upright 8-bit RGB."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_ros.arrays import ImageArray
from depth_ros.errors import FrameError, one_line
from depth_ros.infer import exif
from depth_ros.input_files import regular
from depth_ros.messages.compressed import rgb_from_compressed

_NOTHING = exif.Exif()


@dataclass
class _File:
    """A file with the fields of sensor_msgs/CompressedImage."""

    data: bytes
    format: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture, and its EXIF data.

    Attributes:
        rgb: uint8 (H, W, 3), upright.
        exif: its orientation and focal length; the defaults for a video's frame.
    """

    rgb: ImageArray
    exif: exif.Exif = _NOTHING


def read(path: Path, max_pixels: int) -> Picture:
    """Return the picture in a JPEG, PNG or WebP file.

    16 bits are scaled to 8, grey becomes three equal channels, transparency is removed.

    Args:
        path: of the file.
        max_pixels: a larger picture is not decoded.

    Raises:
        FrameError: the file cannot be read.
        MessageError: it is damaged, empty, or too large.
    """
    try:
        data = regular(path).read_bytes()
    except OSError as error:
        raise FrameError(f"{path} cannot be read: {one_line(error)}") from error
    rgb = rgb_from_compressed(_File(data), max_pixels)
    metadata = exif.read(data)
    if metadata.turns is None:
        raise FrameError(f"{path} is mirrored by its EXIF orientation, expected one that is not")
    if metadata.turns:
        rgb = np.ascontiguousarray(np.rot90(rgb, -metadata.turns))
    return Picture(rgb, metadata)


def exif_of(path: Path) -> exif.Exif:
    """Return the EXIF data of a file; the defaults if it cannot be read."""
    try:
        return exif.read(regular(path).read_bytes())
    except OSError:
        return exif.Exif()
