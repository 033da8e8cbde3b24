"""Depth in CompressedImage, as the encoders of image_transport and of RVL's paper write it."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from test.messages.makers import plain

Stored = npt.NDArray[np.uint16]

FAR_M, QUANTISATION = 10.0, 100.0
"""The defaults of compressed_depth_image_transport."""


def rvl_of(pixels: Stored) -> bytes:
    """CompressRVL of Wilson's paper, nibble by nibble."""
    nibbles: list[int] = []

    def put(value: int) -> None:
        while True:
            nibble, value = value & 7, value >> 3
            nibbles.append(nibble | 8 if value else nibble)
            if not value:
                return

    rest, before = pixels.reshape(-1).tolist(), 0
    while rest:
        zeros = next((i for i, value in enumerate(rest) if value), len(rest))
        rest = rest[zeros:]
        others = next((i for i, value in enumerate(rest) if not value), len(rest))
        put(zeros)
        put(others)
        for value in rest[:others]:
            delta, before = value - before, value
            put(2 * delta if delta >= 0 else -2 * delta - 1)
        rest = rest[others:]
    nibbles += [0] * (-len(nibbles) % 8)
    words = [nibbles[at : at + 8] for at in range(0, len(nibbles), 8)]
    return b"".join(struct.pack("<I", int("".join(f"{n:x}" for n in word), 16)) for word in words)


def inverse(depth_m: npt.NDArray[np.float32]) -> tuple[Stored, float, float]:
    """Inverse depth in 16 bits as codec.cpp has it, with its A and B."""
    a = QUANTISATION * (QUANTISATION + 1)
    b = 1 - a / FAR_M
    known = np.isfinite(depth_m) & (depth_m > 0) & (depth_m < FAR_M)
    values = a / np.where(known, depth_m, 1.0) + b
    return np.where(known, values, 0).astype(np.uint16), a, b


def packed(pixels: Stored, encoding: str, how: str, a: float = 0.0, b: float = 0.0) -> Any:
    """A message of compressedDepth; how: png, rvl, or nothing, as before there was a choice."""
    data = np.asarray(cv2.imencode(".png", pixels)[1]).tobytes()
    if how == "rvl":
        data = struct.pack("<II", *pixels.shape[::-1]) + rvl_of(pixels)
    format_ = f"{encoding}; compressedDepth {how}".strip()
    return plain("CompressedImage", format=format_, data=struct.pack("<iff", 0, a, b) + data)
