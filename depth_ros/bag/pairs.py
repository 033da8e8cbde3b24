"""Images of a recording with the depth images of their moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from depth_ros import messages
from depth_ros.bag.decoder import Decoder, Later
from depth_ros.bag.losses import Losses
from depth_ros.bag.reader import Record, Recording
from depth_ros.errors import MessageError

_HELD = 64  # messages that wait for their counterparts


class Taken(NamedTuple):
    """An image or depth image, not decoded yet."""

    record: Record
    header: Any
    pixels: Later

    @property
    def stamp_ns(self) -> int:
        """When it was taken."""
        return messages.stamp_ns(self.header)


class Pairs:
    """Pairs every depth image with the image whose stamp is nearest, whichever comes first.

    Args:
        recording: where they are.
        image, depth: their topics.
        apart_ns: how far apart the stamps of a pair may be.
        decoder: of the images.
        losses: takes what cannot be read, which is left out.
        once: an image is the counterpart of one depth image only.
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
        self._images: deque[Taken] = deque(maxlen=_HELD)

    def __iter__(self) -> Iterator[tuple[Taken, Taken]]:
        """Yield image and depth image, in the order of the latter in the recording."""
        depths: deque[Taken] = deque()
        for record in self._recording.records([self._image, self._depth]):
            of_depth = record.topic == self._depth
            try:
                taken = Taken(*self._read(record, of_depth))
            except MessageError as error:
                self._losses.add(record, error)
                continue
            (depths if of_depth else self._images).append(taken)
            while depths and (self._has_come(depths[0]) or len(depths) > _HELD):
                yield from self._match(depths.popleft())
        for depth in depths:
            yield from self._match(depth)

    def _read(self, record: Record, of_depth: bool) -> tuple[Record, Any, Later]:
        read = self._decoder.depth if of_depth else self._decoder.later
        return (record, *read(record))

    def _has_come(self, depth: Taken) -> bool:
        """Return whether no later image can be nearer to a depth image than those that came."""
        return bool(self._images) and self._images[-1].stamp_ns >= depth.stamp_ns

    def _match(self, depth: Taken) -> Iterator[tuple[Taken, Taken]]:
        images = self._images
        while images and images[0].stamp_ns < depth.stamp_ns - self._apart_ns:
            images.popleft()  # depth images of the time to come are further away still
        apart_ns = [abs(image.stamp_ns - depth.stamp_ns) for image in images]
        if not images or min(apart_ns) > self._apart_ns:
            return
        nearest = apart_ns.index(min(apart_ns))
        yield images[nearest], depth
        if self._once:
            del images[nearest]
