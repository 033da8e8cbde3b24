"""Pair the images of a recording with depth images of the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from depth_ros import messages
from depth_ros.bag.decoder import Decoder, LazyPixels
from depth_ros.bag.losses import Losses
from depth_ros.bag.reader import Record, Recording
from depth_ros.errors import MessageError

_HELD = 64  # maximum number of messages that wait for their counterparts


class UndecodedImage(NamedTuple):
    """An image or depth image, not decoded yet."""

    record: Record
    header: Any
    pixels: LazyPixels

    @property
    def stamp_ns(self) -> int:
        """The time of capture."""
        return messages.stamp_ns(self.header)


class Pairs:
    """Pairs every depth image with the image of the nearest stamp, in any order of arrival.

    Args:
        recording: contains both topics.
        image, depth: the topics.
        apart_ns: maximum difference of the stamps of a pair.
        decoder: decodes both.
        losses: collects the messages that cannot be read.
        once: use an image for one depth image only.
    """

    def __init__(
        self,
        recording: Recording,
        image: str,
        depth: str,
        apart_ns: int,
        decoder: Decoder,
        losses: Losses,
        once: bool = False,
    ) -> None:
        self._recording, self._image, self._depth = recording, image, depth
        self._apart_ns, self._once = apart_ns, once
        self._decoder, self._losses = decoder, losses
        self._images: deque[UndecodedImage] = deque(maxlen=_HELD)

    def __iter__(self) -> Iterator[tuple[UndecodedImage, UndecodedImage]]:
        """Yield (image, depth image), in the order of the depth images in the recording."""
        depths: deque[UndecodedImage] = deque()
        for record in self._recording.records([self._image, self._depth]):
            of_depth = record.topic == self._depth
            read = self._decoder.depth if of_depth else self._decoder.lazy
            try:
                taken = UndecodedImage(record, *read(record))
            except MessageError as error:
                self._losses.add(record, error)
                continue
            (depths if of_depth else self._images).append(taken)
            while depths and (self._is_decided(depths[0]) or len(depths) > _HELD):
                yield from self._match(depths.popleft())
        for depth in depths:
            yield from self._match(depth)

    def _is_decided(self, depth: UndecodedImage) -> bool:
        """Return whether no later image can be nearer to a depth image than those so far."""
        return bool(self._images) and self._images[-1].stamp_ns >= depth.stamp_ns

    def _match(self, depth: UndecodedImage) -> Iterator[tuple[UndecodedImage, UndecodedImage]]:
        images = self._images
        while images and images[0].stamp_ns < depth.stamp_ns - self._apart_ns:
            images.popleft()  # later depth images are even further away
        apart_ns = [abs(image.stamp_ns - depth.stamp_ns) for image in images]
        if not images or min(apart_ns) > self._apart_ns:
            return
        nearest = apart_ns.index(min(apart_ns))
        yield images[nearest], depth
        if self._once:
            del images[nearest]
