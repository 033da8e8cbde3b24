"""Pictures as the packets of a video, as encoders of robots write them: one each, at once."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

ENCODERS = {"h264": "libx264", "hevc": "libx265"}
KEY_EVERY = 4


def packets(
    pictures: Iterable[npt.NDArray[np.uint8]], codec: str = "h264", b_frames: int = 0
) -> list[bytes]:
    """Encode pictures (H, W, 3); every fourth is a key frame."""
    av: Any = pytest.importorskip("av")
    if ENCODERS[codec] not in av.codecs_available:
        pytest.skip(f"this PyAV has no {ENCODERS[codec]}")
    context = av.CodecContext.create(ENCODERS[codec], "w")
    context.pix_fmt, context.time_base = "yuv420p", Fraction(1, 30)
    context.framerate, context.gop_size, context.max_b_frames = 30, KEY_EVERY, b_frames
    context.options = {"preset": "ultrafast", "crf": "2", "x265-params": "log-level=none"}
    if not b_frames:
        context.options |= {"tune": "zerolatency"}
    found: list[bytes] = []
    for number, rgb in enumerate(pictures):
        context.height, context.width = rgb.shape[:2]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame.pts = number
        found += map(bytes, context.encode(frame))
    return [*found, *map(bytes, context.encode(None))]
