"""Read a picture's orientation and focal length from its EXIF data.

Source: Exif 2.32 (CIPA DC-008). JPEG's segment APP1, PNG's chunk eXIf and WebP's chunk EXIF contain
it as a TIFF file (TIFF 6.0, section 2).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_APP1, _START_OF_SCAN = 0xE1, 0xDA
_PREFIX = b"Exif\0\0"
_CHUNKS = (b"eXIf", b"EXIF")
_ORIENTATION, _EXIF_IFD, _FOCAL_LENGTH_35MM = 0x0112, 0x8769, 0xA405
_NUMBERS = {3: "H", 4: "I"}  # types SHORT and LONG
_DIAGONAL_35MM = math.hypot(36, 24)
# Clockwise quarter turns that make a picture upright, by orientation; the others are mirrored.
_TURNS = {1: 0, 6: 1, 3: 2, 8: 3}


@dataclass(frozen=True)
class Exif:
    """The used part of EXIF data.

    Attributes:
        turns: clockwise quarter turns that make the stored picture upright; None: it is mirrored.
        focal_length_35mm: focal length [mm] of a 35 mm camera with the same field of view; None if
            unknown.
    """

    turns: int | None = 0
    focal_length_35mm: int | None = None

    def f_px(self, width: int, height: int) -> float | None:
        """Return the focal length in pixels of a picture of width x height, or None if unknown.

        Fields of view are equal along the diagonal (CIPA DCG-001), which is 43.27 mm in 35 mm film.
        """
        if self.focal_length_35mm is None:
            return None
        return self.focal_length_35mm / _DIAGONAL_35MM * math.hypot(width, height)


def read(data: bytes) -> Exif:
    """Return the EXIF data of a JPEG, PNG or WebP file; the defaults if missing or damaged."""
    try:
        tiff = _find(data)
        return Exif() if tiff is None else _parse(tiff)
    except (struct.error, KeyError):
        return Exif()


def _find(data: bytes) -> bytes | None:
    """Return the TIFF file with the EXIF data; None if there is none."""
    if data.startswith(_JPEG):
        return _of_jpeg(data)
    chunks = _png_chunks(data) if data.startswith(_PNG) else _webp_chunks(data)
    return next((body.removeprefix(_PREFIX) for name, body in chunks if name in _CHUNKS), None)


def _of_jpeg(data: bytes) -> bytes | None:
    at = 2
    while True:
        marker, kind, length = struct.unpack_from(">BBH", data, at)
        if marker != 0xFF or kind == _START_OF_SCAN:
            return None
        body = data[at + 4 : at + 2 + length]
        if kind == _APP1 and body.startswith(_PREFIX):
            return body[len(_PREFIX) :]
        at += 2 + length


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at < len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        yield name, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _parse(tiff: bytes) -> Exif:
    order = {b"II": "<", b"MM": ">"}[tiff[:2]]
    tags = _tags(tiff, order, struct.unpack_from(order + "I", tiff, 4)[0])
    turns = _TURNS.get(tags.get(_ORIENTATION, 1))
    inner = _tags(tiff, order, tags[_EXIF_IFD]) if _EXIF_IFD in tags else {}
    return Exif(turns, inner.get(_FOCAL_LENGTH_35MM) or None)  # 0: unknown


def _tags(tiff: bytes, order: str, at: int) -> dict[int, int]:
    """Return the tags of a directory whose value is a single integer."""
    (count,) = struct.unpack_from(order + "H", tiff, at)
    tags: dict[int, int] = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", tiff, entry)
        if kind in _NUMBERS and values == 1:
            (tags[tag],) = struct.unpack_from(order + _NUMBERS[kind], tiff, entry + 8)
    return tags
