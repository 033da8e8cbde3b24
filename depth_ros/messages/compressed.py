# ruff: noqa: D102 - the fields are documented in sensor_msgs
"""sensor_msgs/CompressedImage: images in a file format.

A few bytes can expand to any size, so the size in the file's header is checked before decoding.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import cv2
import numpy as np
import simplejpeg

from depth_ros.config import Settings
from depth_ros.errors import MessageError
from depth_ros.messages.data import Bytes, Data, Samples
from depth_ros.messages.encodings import COLOURS, find
from depth_ros.messages.images import rgb_of
from depth_ros.messages.video import codec_of, missing_pyav

# The pixels as they are stored: grey stays one channel, 16 bits stay 16, and an EXIF orientation
# does not rotate the image, which would not match its camera. Only alpha is left out.
_AS_STORED = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
_MAX_SCANS = 100  # a progressive JPEG has about ten, and each decodes the whole image


class CompressedImage(Protocol):
    """sensor_msgs/CompressedImage."""

    format: str

    @property
    def data(self) -> Data: ...


class Size(NamedTuple):
    """Width and height of an image in pixels."""

    width: int
    height: int


def compressed_size(msg: CompressedImage) -> Size:
    """Return the size that the header of a JPEG, PNG or WebP states; nothing is decoded.

    Raises:
        MessageError: it is none of these, or its header is damaged.
    """
    data = np.frombuffer(msg.data, np.uint8)
    head = data[:64].tobytes()
    if head.startswith(_JPEG):
        size = _jpeg_size(msg, data)
    elif head.startswith(_PNG) and head[12:16] == b"IHDR":
        size = Size(*(int.from_bytes(head[at : at + 4], "big") for at in (16, 20)))
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        size = _webp_size(head)
    else:
        raise _not_decoded(msg, "its first bytes match none of these formats")
    if min(size) <= 0:
        raise _not_decoded(msg, f"its header has size {size.width}x{size.height}")
    return size


def rgb_from_compressed(msg: CompressedImage, max_pixels: int = Settings.max_image_pixels) -> Bytes:
    """Return a sensor_msgs/CompressedImage (JPEG, PNG, WebP) as rgb uint8 (H, W, 3).

    The colours are those that the file itself defines. `format`, as compressed_image_transport
    writes it ("rgb8; jpeg compressed bgr8"), is used only for a Bayer pattern that was stored
    without interpolation ("bayer_rggb8; png compressed ").

    Args:
        msg: the image.
        max_pixels: larger images, according to the header, are not decoded.

    Raises:
        MessageError: the data are damaged, including JPEGs whose missing part a decoder would fill
            with grey; or it is a depth image, or larger than max_pixels.
    """
    stored_as, _, compression = msg.format.partition(";")
    stored_as = stored_as.strip()
    pixels = _decoded(msg, check_compressed(msg, max_pixels))
    if pixels.ndim == 3:
        return rgb_of(pixels, COLOURS["rgb16" if pixels.dtype == np.uint16 else "rgb8"])
    is_mosaic = stored_as.startswith("bayer_") and "mono" not in compression
    return rgb_of(pixels, find(COLOURS, stored_as if is_mosaic else "mono8"))


def check_compressed(msg: CompressedImage, max_pixels: int = Settings.max_image_pixels) -> Size:
    """Return the size in the header, without decoding.

    Raises:
        MessageError: it is a depth image, a video packet, has no valid header, is too large, or
            ends early.
    """
    if is_depth_format(msg.format):
        raise MessageError(f"format is '{msg.format}', a depth image, expected colour or grey")
    if codec_of(msg):
        why = missing_pyav() or "a key frame must come first, or it is damaged"
        raise MessageError(f"format is '{msg.format}', a video packet without an image: {why}")
    return _checked_size(msg, max_pixels)


def is_depth_format(format_: str) -> bool:
    """Return whether a CompressedImage of a format contains depth."""
    return "compressedDepth" in format_ or format_.partition(";")[0].strip() in ("16UC1", "32FC1")


def refuse_size(size: Size, max_pixels: int) -> None:
    """Refuse an image that is too large to decode, or empty.

    Raises:
        MessageError: the size is not between 1 and max_pixels pixels.
    """
    if not 0 < size.width * size.height <= max_pixels:
        raise MessageError(
            f"compressed image is {size.width}x{size.height}, expected at most max_image_pixels "
            f"({max_pixels})"
        )


def read_file(msg: CompressedImage, max_pixels: int) -> Samples:
    """Return the pixels of a JPEG, PNG or WebP: grey (H, W) or rgb (H, W, 3), 8 or 16 bits.

    Raises:
        MessageError: as rgb_from_compressed().
    """
    return _decoded(msg, _checked_size(msg, max_pixels))


def _checked_size(msg: CompressedImage, max_pixels: int) -> Size:
    size = compressed_size(msg)
    refuse_size(size, max_pixels)
    _check_end(msg, bytes(msg.data))
    return size


def _check_end(msg: CompressedImage, data: bytes) -> None:
    """Refuse a file that ends early; what follows its end does no harm."""
    if data.startswith(_JPEG):
        # No scan holds these bytes: in its data a zero follows each 255.
        if data.rfind(_END_OF_IMAGE) < data.find(_START_OF_SCAN):
            raise _not_decoded(msg, "it ends early, before its end-of-image marker")
    elif data.startswith(_PNG):
        _check_chunks(msg, data)
    elif int.from_bytes(data[4:8], "little") + 8 > len(data):  # RIFF's header (RFC 9649)
        raise _not_decoded(msg, "it ends early, its header says more bytes")


def _decoded(msg: CompressedImage, size: Size) -> Samples:
    """Return the pixels of a file: grey (H, W) or rgb (H, W, 3), 8 or 16 bits."""
    data = np.frombuffer(msg.data, np.uint8)
    is_jpeg = data[: len(_JPEG)].tobytes() == _JPEG
    pixels = _jpeg(msg, data) if is_jpeg else _png_or_webp(msg, data)
    if pixels.shape[:2] != (size.height, size.width):
        raise _not_decoded(msg, f"its header has {size.width}x{size.height}, its pixels differ")
    return pixels


def _jpeg_size(msg: CompressedImage, data: Bytes) -> Size:
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        raise _not_decoded(msg, error) from error
    return Size(width, height)


def _jpeg(msg: CompressedImage, data: Bytes) -> Samples:
    """Decode with simplejpeg, which raises libjpeg's warnings as errors; OpenCV ignores them."""
    scans = data.tobytes().count(_START_OF_SCAN)
    if scans > _MAX_SCANS:
        raise _not_decoded(msg, f"it has {scans} scans")
    try:
        is_grey = simplejpeg.decode_jpeg_header(data)[2] == "Gray"
        pixels: Samples = simplejpeg.decode_jpeg(data, "GRAY" if is_grey else "RGB")
    except (ValueError, MemoryError) as error:
        raise _not_decoded(msg, error) from error
    return pixels[..., 0] if is_grey else pixels


def _png_or_webp(msg: CompressedImage, data: Bytes) -> Samples:
    try:
        pixels: Samples | None = cv2.imdecode(data, _AS_STORED)
    except (cv2.error, MemoryError) as error:
        raise _not_decoded(msg, error) from error
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise _not_decoded(msg, "OpenCV cannot read it")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if pixels.ndim == 3 else pixels


def _check_chunks(msg: CompressedImage, data: bytes) -> None:
    """Refuse a PNG with a chunk longer than the file: OpenCV would allocate the stated length."""
    at, name = len(_PNG), b""
    while name != b"IEND":
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += length + 12  # length, name and checksum
        if at > len(data):
            raise _not_decoded(msg, "it ends within a chunk")


def _webp_size(head: bytes) -> Size:
    """Return the size in the first chunk of a WebP (RFC 9649); 0x0: unknown chunk."""
    kind = head[12:16]
    if kind == b"VP8X":
        return Size(*(int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27)))
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        return Size(*(int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28)))
    return Size(0, 0)


def _not_decoded(msg: CompressedImage, why: object) -> MessageError:
    size = len(np.frombuffer(msg.data, np.uint8))
    return MessageError(
        f"data ({size} bytes, format '{msg.format}') cannot be decoded, expected a whole JPEG, "
        f"PNG or WebP of 8 or 16 bits: {why}"
    )
