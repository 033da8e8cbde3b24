"""Pictures as they are meant to be seen: 8 bits, red first, upright."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from depth_ros.errors import FrameError, one_line
from depth_ros.infer import exif
from depth_ros.input_files import regular
from depth_ros.messages.compressed import rgb_from_compressed

_NOTHING = exif.Exif()


@dataclass
class _File:
    """The fields of sensor_msgs/CompressedImage that a file has."""

    data: bytes
    format: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture, and what its file says of its camera.

    Attributes:
        rgb: uint8 (H, W, 3), upright.
        exif: how it was turned, and its focal length; of a video's frame nothing.
    """

    rgb: npt.NDArray[np.uint8]
    exif: exif.Exif = _NOTHING


def read(path: Path, max_pixels: int) -> Picture:
    """Return the picture in a JPEG, PNG or WebP file.

    16 bits become 8 over the whole range, grey becomes three equal channels, transparency is left
    out.

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
    said = exif.read(data)
    if said.turns is None:
        raise FrameError(f"{path} is mirrored by its EXIF orientation, expected one that is not")
    if said.turns:
        rgb = np.ascontiguousarray(np.rot90(rgb, -said.turns))
    return Picture(rgb, said)


def exif_of(path: Path) -> exif.Exif:
    """Return what the EXIF data of a file say; nothing where it cannot be read."""
    try:
        return exif.read(regular(path).read_bytes())
    except OSError:
        return exif.Exif()
