"""Read frames of videos and webcams, with their times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np

from depth_ros.arrays import ImageArray
from depth_ros.config import Settings
from depth_ros.errors import FrameError
from depth_ros.infer.sources import Source
from depth_ros.input_files import is_special, is_utf8
from depth_ros.viz.video import quiet_opencv

_RATE_HZ = 30.0  # of a video without a stated rate
_MOST_MISSING = 0.02  # of the frames that a header states: some headers only estimate them


class Capture(Protocol):
    """The used part of cv2.VideoCapture."""

    def isOpened(self) -> bool:  # noqa: N802
        """Whether there is anything to read."""

    def read(self) -> tuple[bool, Any]:
        """Return whether there was a frame, and the frame bgr (H, W, 3)."""

    def get(self, propId: int) -> float:
        """Return one of OpenCV's properties."""

    def release(self) -> None:
        """Close it."""


class VideoFrame(NamedTuple):
    """A frame: rgb uint8 (H, W, 3), and its time since the beginning."""

    rgb: ImageArray
    stamp_ns: int


def open_source(source: Source) -> Capture:
    """Open a video or webcam with OpenCV, without OpenCV's error output."""
    with quiet_opencv():
        if source.kind == "webcam":
            return cv2.VideoCapture(source.webcam, cv2.CAP_V4L2)
        return cv2.VideoCapture(str(source.path))


class Reader:
    """Reads the frames of a video or webcam in order.

    Args:
        source: a video or a webcam.
        max_pixels: a video with larger frames is not decoded.
        opener: opens it.

    Raises:
        FrameError: it cannot be opened, or its frames are too large.

    Attributes:
        count: number of frames in a video's header; None if unknown.
    """

    def __init__(
        self,
        source: Source,
        max_pixels: int = Settings.max_image_pixels,
        opener: Callable[[Source], Capture] = open_source,
    ) -> None:
        if source.kind == "video" and is_special(source.path):
            raise FrameError(f"{source.path} is not a regular file, {_expected(source)}")
        if not is_utf8(source.path):
            raise FrameError(f"{source.path} cannot be opened, expected a name in UTF-8")
        self._source, self._capture = source, opener(source)
        if not self._capture.isOpened():
            raise FrameError(f"{source.path} cannot be opened, {_expected(source)}")
        self._check_size(max_pixels)
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.count = int(count) if source.kind == "video" and count > 0 else None

    def frames(self) -> Iterator[VideoFrame]:
        """Yield the frames.

        Raises:
            FrameError: after the last one, if there are fewer than in the header, or a webcam
                stopped.
        """
        rate_hz = self._capture.get(cv2.CAP_PROP_FPS) or _RATE_HZ
        begin_ns, last_ns, count = time.monotonic_ns(), -1, 0
        while True:
            read, bgr = self._capture.read()
            if not read:
                break
            if self._source.kind == "webcam":
                stamp_ns = time.monotonic_ns() - begin_ns
            else:
                stamp_ns = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 10**6)
            if stamp_ns <= last_ns:  # some containers have no times
                stamp_ns = last_ns + round(1e9 / rate_hz)
            rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
            yield VideoFrame(rgb, stamp_ns)
            last_ns, count = stamp_ns, count + 1
        self._check_end(count)

    def close(self) -> None:
        """Close the file or device."""
        self._capture.release()

    def _check_size(self, max_pixels: int) -> None:
        names = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        width, height = (int(self._capture.get(name)) for name in names)
        if width * height > max_pixels:
            raise FrameError(
                f"frames of {self._source.path} are {width}x{height}, expected at most "
                f"max_image_pixels ({max_pixels})"
            )

    def _check_end(self, count: int) -> None:
        path = self._source.path
        if self._source.kind == "webcam":
            raise FrameError(f"{path} stopped after {count} frames")
        if count == 0:
            raise FrameError(f"{path} has no frame that can be decoded")
        if self.count is not None and count < (1 - _MOST_MISSING) * self.count - 1:
            raise FrameError(f"{path} ends after {count} of {self.count} frames: it is damaged")


def _expected(source: Source) -> str:
    if source.kind == "webcam":
        return f"expected a readable /dev/video{source.webcam} that no other program uses"
    return "expected a complete video in a format that OpenCV reads"
