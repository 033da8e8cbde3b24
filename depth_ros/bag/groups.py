"""The messages of a recording, in the groups that a conversion processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from typing import NamedTuple

from depth_ros.bag.cameras import BagCamera, QueuedImage
from depth_ros.bag.options import ConvertOptions
from depth_ros.bag.reader import Record, Recording
from depth_ros.bag.references import is_static_tf

# Limits of a group with few images, so that memory use stays constant.
_MOST_RECORDS, _MOST_BYTES = 1000, 32 << 20


class Item(NamedTuple):
    """A message of the recording, and its image if that is to be converted."""

    record: Record
    image: QueuedImage | None


Group = list[Item]
"""Messages in time order, with the images of one run of the network.

Groups, and so results and files, depend on the recording and the options alone.
"""


class Groups:
    """Reads a recording; images are decoded ahead in a pool.

    Args:
        recording: what to read.
        cameras: by image topic.
        options: which part, and how many images per group.
        skip: number of messages at the beginning that were converted before.
    """

    def __init__(
        self,
        recording: Recording,
        cameras: Mapping[str, BagCamera],
        options: ConvertOptions,
        skip: int,
    ) -> None:
        self._recording, self._cameras, self._options = recording, cameras, options
        self._skip = skip
        self._static = [name for name in recording.topics if is_static_tf(name)]
        # Times of the file do not limit the reading, because they may be wrong.
        self._start_ns = self._time_ns(options.start_s) if options.start_s else None
        self._stop_ns = None if options.end_s is None else self._time_ns(options.end_s)

    def _time_ns(self, after_s: float) -> int:
        return self._recording.start_ns + round(after_s * 10**9)

    def expected(self) -> int:
        """Return the approximate number of images to convert."""
        first_ns, last_ns = self._recording.start_ns, self._recording.end_ns + 1
        start_ns = first_ns if self._start_ns is None else self._start_ns
        stop_ns = last_ns if self._stop_ns is None else self._stop_ns
        images = sum(self._recording.counts[topic] for topic in self._cameras)
        part = min(1.0, max(0.0, (stop_ns - start_ns) / (last_ns - first_ns)))
        return round(images * part / self._options.every)

    def read(self, decoders: Executor) -> Iterator[Group]:
        """Yield groups while the next ones are being decoded."""
        return _ahead(self._groups(decoders), self._options.jobs)

    def _groups(self, decoders: Executor) -> Iterator[Group]:
        group: Group = []
        images = size = 0
        for item in self._items(decoders):
            group.append(item)
            images += item.image is not None
            size += len(item.record.data)
            full = images == self._options.batch or len(group) == _MOST_RECORDS
            if full or size > _MOST_BYTES:
                yield group
                group, images, size = [], 0, 0
        if group:
            yield group

    def _items(self, decoders: Executor) -> Iterator[Item]:
        seen = dict.fromkeys(self._cameras, 0)
        for number, record in enumerate(self._records()):
            image = None
            if record.topic in seen:
                wanted = seen[record.topic] % self._options.every == 0
                seen[record.topic] += 1
                camera = self._cameras[record.topic]
                if wanted and number >= self._skip:
                    decoded = camera.decoder.submit(record, decoders)
                    image = QueuedImage(camera, record.time_ns, decoded)
                else:
                    camera.decoder.skip(record)
            if number >= self._skip:
                yield Item(record, image)

    def _records(self) -> Iterator[Record]:
        """Yield the chosen part, preceded by the static transforms that were sent before it."""
        recording, start_ns = self._recording, self._start_ns
        if self._static and start_ns is not None:
            for record in recording.records(self._static, None, start_ns):
                yield record._replace(time_ns=start_ns)
        wanted = {*self._cameras, *self._static} if self._options.only_depth else recording.topics
        yield from recording.records(list(wanted), start_ns, self._stop_ns)


def _ahead(groups: Iterable[Group], depth: int) -> Iterator[Group]:
    waiting: deque[Group] = deque()
    for group in groups:
        waiting.append(group)
        if len(waiting) > depth:
            yield waiting.popleft()
    yield from waiting
