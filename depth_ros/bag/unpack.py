"""Decompression with a limit: a damaged or crafted recording must not fill memory or disk."""

from __future__ import annotations

import bz2 as _bz2
from typing import BinaryIO, Protocol

import lz4.frame
import zstandard

from depth_ros.errors import BagError

_MAX_RATIO, _MIN_LIMIT_BYTES, _BLOCK_BYTES = 1000, 64 << 20, 1 << 20


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def limit(packed: int) -> int:
    """Return how many bytes a number of compressed bytes may become; recordings need much less."""
    return max(_MIN_LIMIT_BYTES, _MAX_RATIO * packed)


def zstd_file(packed: BinaryIO, out: BinaryIO, most: int) -> None:
    """Decompress a file as far as it goes: the file inside knows where it should end.

    Raises:
        BagError: it becomes larger than most bytes.
    """
    reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
    size = 0
    while block := reader.read(_BLOCK_BYTES):
        size += len(block)
        if size > most:
            raise BagError(f"it decompresses to more than {most} bytes, expected a recording")
        out.write(block)


def zstd(data: bytes) -> bytes:
    """Decompress a frame of zstd.

    Raises:
        ValueError: it becomes too large.
        ZstdError: it is damaged, or ends early.
    """
    most = limit(len(data))
    size = zstandard.get_frame_parameters(data).content_size
    if size != zstandard.CONTENTSIZE_UNKNOWN and size > most:  # it would be allocated
        raise _too_large(most)
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=most)


def lz4_frame(data: bytes) -> bytes:
    """Decompress a frame of LZ4.

    Raises:
        ValueError: it becomes too large, or ends early.
        RuntimeError: it is damaged.
    """
    return _unpacked(lz4.frame.LZ4FrameDecompressor(), data)


def bz2(data: bytes) -> bytes:
    """Decompress a stream of bzip2.

    Raises:
        ValueError: it becomes too large, or ends early.
        OSError: it is damaged.
    """
    return _unpacked(_bz2.BZ2Decompressor(), data)


def _unpacked(decompressor: _Decompressor, data: bytes) -> bytes:
    most = limit(len(data))
    found = decompressor.decompress(data, most + 1)
    if len(found) > most:
        raise _too_large(most)
    if not decompressor.eof:
        raise ValueError("it ends early")
    return found


def _too_large(most: int) -> ValueError:
    return ValueError(f"it decompresses to more than {most} bytes")
