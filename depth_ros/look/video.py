"""Pictures to a film (mp4), at the pace of their stamps."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from depth_ros.errors import SettingError
from depth_ros.evaluation.picture import Rgb, fit
from depth_ros.look import atomic

# H.264, which every player and browser shows, and what each OpenCV has of its own.
_CODECS = ("avc1", "mp4v")
_HELD = 30  # pictures before the film begins: they tell its size and its rate
_RATE_HZ = 10.0  # of a single picture
_SLOWEST_HZ, _FASTEST_HZ = 1.0, 60.0
_LONGEST_GAP_S = 2.0


class Video:
    """Writes pictures as they come; a gap in the stamps is a still, of two seconds at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: list[tuple[int, Rgb]] = []
        self._writer: cv2.VideoWriter | None = None
        self._rate_hz = _RATE_HZ
        self._time_s = 0.0
        self._written = 0
        self._last: tuple[int, Rgb] | None = None

    def add(self, stamp_ns: int, picture: Rgb) -> None:
        """Add the next picture (H, W, 3); what differs in size is fitted into the film's."""
        if self._writer:
            self._write(self._writer, stamp_ns, picture)
            return
        self._held.append((stamp_ns, picture))
        if len(self._held) == _HELD:
            self._begin()

    def close(self) -> None:
        """Finish the file; without a picture there is none."""
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
        self._size = (int(width), int(height))
        self._writer = _open(atomic.unfinished(self._path), self._rate_hz, self._size)
        for held in self._held:
            self._write(self._writer, *held)
        self._held = []

    def _write(self, writer: cv2.VideoWriter, stamp_ns: int, picture: Rgb) -> None:
        """Show the last picture until this one's time, then this one."""
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


def _open(path: Path, rate_hz: float, size: tuple[int, int]) -> cv2.VideoWriter:
    """Open a film with the first codec that this OpenCV can write, without its complaints."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # quiet, in FFmpeg's numbers
    log = cv2.utils.logging
    level = log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        for codec in _CODECS:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate_hz, size)
            if writer.isOpened():
                return writer
    finally:
        log.setLogLevel(level)
    raise SettingError(f"{path} cannot be written by this OpenCV, expected one with mp4")
