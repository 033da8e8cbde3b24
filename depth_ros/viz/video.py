"""Write pictures as a video (MP4), timed by their stamps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, cast

import cv2
import numpy as np

from depth_ros.arrays import ImageArray
from depth_ros.errors import SettingError
from depth_ros.evaluation.picture import fit
from depth_ros.viz import atomic

# Browsers play H.264 and VP9 in mp4, but not MPEG-4 part 2, which every OpenCV can write.
_OPENCV_CODECS = ("avc1", "vp09")
_H264_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox")
_HELD = 30  # first pictures, which define the video's size and rate
_RATE_HZ = 10.0  # of a video with a single picture
_SLOWEST_HZ, _FASTEST_HZ = 1.0, 60.0
_LONGEST_GAP_S = 2.0


class Writer(Protocol):
    """Writes pictures of one size to a video."""

    def write(self, bgr: ImageArray) -> object:
        """Add the next picture (H, W, 3)."""

    def release(self) -> None:
        """Finish the file."""


class Video:
    """Writes pictures to a video; a gap in the stamps becomes a still of at most two seconds.

    Raises:
        SettingError: no installed library can write a video that browsers play.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _check(path)
        self._held: list[tuple[int, ImageArray]] = []
        self._writer: Writer | None = None
        self._rate_hz = _RATE_HZ
        self._time_s = 0.0
        self._written = 0
        self._last: tuple[int, ImageArray] | None = None

    def add(self, stamp_ns: int, picture: ImageArray) -> None:
        """Add the next picture (H, W, 3); other sizes are fitted to the video's."""
        if self._writer:
            self._write(self._writer, stamp_ns, picture)
            return
        self._held.append((stamp_ns, picture))
        if len(self._held) == _HELD:
            self._begin()

    def close(self) -> None:
        """Finish the file; without pictures no file is written."""
        if self._held:
            self._begin()
        if self._writer:
            self._writer.release()
            atomic.finish(self._path)
            self._writer = None

    def _begin(self) -> None:
        stamps_s = [stamp_ns / 1e9 for stamp_ns, _ in self._held]
        step_s = np.median([b - a for a, b in pairwise(stamps_s)] or [1 / _RATE_HZ])
        self._rate_hz = float(np.clip(1 / max(step_s, 1e-3), _SLOWEST_HZ, _FASTEST_HZ))
        height, width = np.max([picture.shape[:2] for _, picture in self._held], axis=0)
        # H.264 needs even sizes, because it subsamples colour by two.
        self._size = (int(width) // 2 * 2, int(height) // 2 * 2)
        self._writer = _open(atomic.unfinished(self._path), self._rate_hz, self._size)
        for held in self._held:
            self._write(self._writer, *held)
        self._held = []

    def _write(self, writer: Writer, stamp_ns: int, picture: ImageArray) -> None:
        """Repeat the last picture until this one's time, then write this one."""
        bgr = fit(picture, *self._size)[..., ::-1]
        last_ns, last = self._last or (stamp_ns, bgr)
        self._time_s += min((stamp_ns - last_ns) / 1e9, _LONGEST_GAP_S)
        due = round(self._time_s * self._rate_hz)
        while self._written < due:
            writer.write(last)
            self._written += 1
        if self._written == due:
            writer.write(bgr)
            self._written += 1
        self._last = stamp_ns, bgr


class _PyAv:
    """A video in H.264, which every player and browser supports, by PyAV (extra `video`)."""

    def __init__(self, path: Path, encoder: str, rate_hz: float, size: tuple[int, int]) -> None:
        import av

        self._frame = av.VideoFrame
        # So that a browser can start before the download is complete.
        self._file = av.open(str(path), "w", options={"movflags": "faststart"})
        rate = Fraction(rate_hz).limit_denominator(1000)
        self._stream = cast(Any, self._file.add_stream(encoder, rate=rate))
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"

    def write(self, bgr: ImageArray) -> None:
        frame = self._frame.from_ndarray(np.ascontiguousarray(bgr), format="bgr24")
        self._file.mux(self._stream.encode(frame))

    def release(self) -> None:
        self._file.mux(self._stream.encode(None))
        self._file.close()


def _h264_encoder() -> str | None:
    """Return PyAV's first available H.264 encoder; None without PyAV."""
    if find_spec("av") is None:
        return None
    import av

    return next((name for name in _H264_ENCODERS if name in av.codecs_available), None)


def _check(path: Path) -> None:
    """Try to write a video, so that an error comes now and not after an hour's work."""
    trial = atomic.unfinished(path)
    try:
        _open(trial, _RATE_HZ, (64, 64)).release()
    finally:
        trial.unlink(missing_ok=True)


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Open videos in the block without OpenCV's error output."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # quiet, in FFmpeg's numbers
    log = cv2.utils.logging
    level = log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)


def _open(path: Path, rate_hz: float, size: tuple[int, int]) -> Writer:
    """Open a video with the best available codec."""
    encoder = _h264_encoder()
    if encoder is not None:
        return _PyAv(path, encoder, rate_hz, size)
    with quiet_opencv():
        for codec in _OPENCV_CODECS:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate_hz, size)
            if writer.isOpened():
                return writer
    raise SettingError(
        f"{path} cannot be written: this OpenCV has neither H.264 nor VP9, expected PyAV "
        "(pip install av, the extra `video`), or a name in .gif or .png"
    )
