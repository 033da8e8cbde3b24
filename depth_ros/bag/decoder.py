"""The images of a topic of a recording, decoded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from depth_ros import messages
from depth_ros.bag.reader import Record
from depth_ros.bag.types import TYPESTORE
from depth_ros.config import Settings
from depth_ros.errors import MessageError, one_line

Later: TypeAlias = "Callable[[], npt.NDArray[Any]]"
"""Decodes an image, or raises MessageError; so what nobody wants is not decoded."""


class Decoded(NamedTuple):
    """An image message.

    Attributes:
        header: its own.
        rgb: uint8 (H, W, 3).
    """

    header: Any
    rgb: npt.NDArray[np.uint8]


class Decoder:
    """Decodes the images of one topic; those of a video need all of them, in their order.

    Args:
        settings: how images that do not say all are decoded, and how large they may be.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._video = messages.VideoDecoder(settings.max_image_pixels)
        self._is_video: bool | None = None

    def submit(self, record: Record, pool: Executor) -> Future[Decoded]:
        """Return what decode() will: by a pool, but a video's at once, to keep their order."""
        if not self._of_video(record):
            return pool.submit(self.decode, record)
        future: Future[Decoded] = Future()
        try:
            future.set_result(self.decode(record))
        except MessageError as error:
            future.set_exception(error)
        return future

    def decode(self, record: Record) -> Decoded:
        """Return the image of a record.

        Raises:
            MessageError: it is damaged.
        """
        header, pixels = self.later(record)
        return Decoded(header, pixels())

    def later(self, record: Record) -> tuple[Any, Later]:
        """Return the header of a record, and what decodes its image; a video's is by then.

        Raises:
            MessageError: it is damaged, as far as that shows.
        """
        message = _message(record)
        if messages.codec_of(message):
            rgb = self._video.decode(message)
            return messages.header_of(message), lambda: rgb
        return message.header, partial(_pixels, record.topic, self._rgb, message)

    def depth(self, record: Record) -> tuple[Any, Later]:
        """Return the same of a depth image, in metres (H, W)."""
        message = _message(record)
        return message.header, partial(_pixels, record.topic, self._depth_m, message)

    def _rgb(self, message: Any) -> npt.NDArray[np.uint8]:
        return messages.rgb_from(message, self._settings)

    def _depth_m(self, message: Any) -> npt.NDArray[np.float32]:
        return messages.depth_from(message, self._settings.max_image_pixels)

    def pass_by(self, record: Record) -> None:
        """Take note of an image that nobody wants: a later one of a video may need it."""
        if self._of_video(record):
            with suppress(MessageError):
                self.decode(record)

    def _of_video(self, record: Record) -> bool:
        """Return whether a topic's messages are those of a video, as its first one says."""
        if self._is_video is None:
            with suppress(MessageError):  # the next one may say it
                self._is_video = messages.codec_of(_message(record)) is not None
        return bool(self._is_video)


def _message(record: Record) -> Any:
    try:
        message: Any = TYPESTORE.deserialize_cdr(record.data, record.kind)
    except Exception as error:  # whatever a parser makes of damaged bytes
        raise MessageError(f"{record.topic} cannot be read: {one_line(error)}") from error
    messages.check_stamp(messages.header_of(message))
    return message


def _pixels(
    topic: str, convert: Callable[[Any], npt.NDArray[Any]], message: Any
) -> npt.NDArray[Any]:
    try:
        return convert(message)
    except MessageError:
        raise
    except Exception as error:  # MemoryError too
        raise MessageError(f"{topic} cannot be read: {one_line(error)}") from error
