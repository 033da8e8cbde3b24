"""Decode the images of a recording's topic."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy.typing as npt

from depth_ros import messages
from depth_ros.arrays import ImageArray
from depth_ros.bag.reader import Record
from depth_ros.config import Settings
from depth_ros.errors import MessageError, one_line

LazyPixels: TypeAlias = "Callable[[], npt.NDArray[Any]]"
"""Decodes an image when it is called, or raises MessageError."""


class Decoded(NamedTuple):
    """An image message.

    Attributes:
        header: the message's header.
        rgb: uint8 (H, W, 3).
    """

    header: Any
    rgb: ImageArray


class Decoder:
    """Decodes the images of one topic; a video needs all of its messages, in order.

    Args:
        settings: how to decode images whose format is incomplete, and the maximum size.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._video = messages.VideoDecoder(settings.max_image_pixels)
        self._is_video: bool | None = None

    def submit(self, record: Record, pool: Executor) -> Future[Decoded]:
        """Run decode() in a pool; a video is decoded at once, to keep its order."""
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
        header, pixels = self.lazy(record)
        return Decoded(header, pixels())

    def lazy(self, record: Record) -> tuple[Any, LazyPixels]:
        """Return the header of a record, and a function that decodes its image.

        A video's image is decoded already.

        Raises:
            MessageError: it is damaged, as far as that can be known without decoding.
        """
        message = _message(record)
        if messages.codec_of(message):
            rgb = self._video.decode(message)
            return messages.header_of(message), lambda: rgb
        convert = partial(messages.rgb_from, message, self._settings)
        return message.header, partial(_pixels, record.topic, convert)

    def depth(self, record: Record) -> tuple[Any, LazyPixels]:
        """Return the same for a depth image, in metres (H, W)."""
        message = _message(record)
        convert = partial(messages.depth_from, message, self._settings.max_image_pixels)
        return message.header, partial(_pixels, record.topic, convert)

    def skip(self, record: Record) -> None:
        """Skip an image; one of a video is still decoded, because later ones depend on it."""
        if self._of_video(record):
            with suppress(MessageError):
                self.decode(record)

    def _of_video(self, record: Record) -> bool:
        """Return whether the topic is a video, by its first readable message."""
        if self._is_video is None:
            with suppress(MessageError):  # try the next message
                self._is_video = messages.codec_of(_message(record)) is not None
        return bool(self._is_video)


def _message(record: Record) -> Any:
    try:
        message = record.message()
    except Exception as error:  # a parser may raise anything on damaged bytes
        raise MessageError(f"{record.topic} cannot be read: {one_line(error)}") from error
    messages.check_stamp(messages.header_of(message))
    return message


def _pixels(topic: str, convert: LazyPixels) -> npt.NDArray[Any]:
    try:
        return convert()
    except MessageError:
        raise
    except Exception as error:  # MemoryError too
        raise MessageError(f"{topic} cannot be read: {one_line(error)}") from error
