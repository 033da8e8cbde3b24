"""RVL, the lossless compression of depth by runs and differences (A. D. Wilson, 2017).

Numbers are written in groups of 3 bits, the lowest first, each in a nibble whose fourth bit is set
if another one follows. Eight nibbles form a little-endian word, the first in its highest bits. The
numbers are, repeated: the count of zero pixels, the count of non-zero pixels, and for each of the
latter the difference to the previous non-zero pixel, with its sign in the lowest bit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_SHIFTS = np.arange(28, -4, -4, dtype=np.uint32)
_MAX_NIBBLES = 11  # of a number of 32 bits


def decode(data: bytes, count: int) -> npt.NDArray[np.uint16]:
    """Return the given number of 16-bit pixels (count,).

    Raises:
        ValueError: the data end early, or are invalid.
    """
    numbers = _numbers(data)
    known = np.zeros(count, bool)
    differences = []
    at = pixel = 0
    while pixel < count:
        if at + 2 > len(numbers):
            raise ValueError(f"they end at pixel {pixel} of {count}")
        zeros, others = (int(number) for number in numbers[at : at + 2])
        first = at + 2
        at, before, pixel = first + others, pixel, pixel + zeros + others
        if not before < pixel <= count or at > len(numbers):
            raise ValueError(f"a run extends from pixel {before} to {pixel} of {count}")
        known[pixel - others : pixel] = True
        differences.append(numbers[first:at])
    signed = np.concatenate([np.empty(0, np.int64), *differences])
    values = np.cumsum((signed >> 1) ^ -(signed & 1))
    if values.size and not (values.min() >= 0 and values.max() < 2**16):
        raise ValueError("a pixel has more than 16 bits")
    pixels = np.zeros(count, np.uint16)
    pixels[known] = values
    return pixels


def _numbers(data: bytes) -> npt.NDArray[np.int64]:
    """Return the numbers in a stream of nibbles; the last word may be filled up with zeros."""
    words = np.frombuffer(data, "<u4", len(data) // 4)
    nibbles = (words[:, None] >> _SHIFTS & 15).astype(np.int64).reshape(-1)
    ends = np.flatnonzero(nibbles < 8) + 1
    if not ends.size:
        return np.empty(0, np.int64)
    starts = np.concatenate([[0], ends[:-1]])
    lengths = ends - starts
    if lengths.max() > _MAX_NIBBLES:
        raise ValueError("a number has more than 32 bits")
    place = np.arange(ends[-1]) - np.repeat(starts, lengths)
    groups = (nibbles[: ends[-1]] & 7) << 3 * place
    return np.add.reduceat(groups, starts)
