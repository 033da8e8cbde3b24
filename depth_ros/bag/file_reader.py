"""A file of a bag in any format: its channels, and all messages that can be read."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import parse_qos

from depth_ros.bag.span import Message, Span
from depth_ros.bag.span_cache import SpanCache
from depth_ros.bag.types import Definition

FOREVER_NS = 2**63 - 1


class Channel(NamedTuple):
    """Description of the messages of one or several publishers.

    Attributes:
        topic: its name.
        kind: the type's name as written in the file.
        encoding: of the messages: cdr, ros1, protobuf, json, ...
        definition: the type's definition.
        qos: the QoS offered by the publishers.
    """

    topic: str
    kind: str
    encoding: str
    definition: Definition
    qos: tuple[Qos, ...] = ()


class BagFile:
    """A file of a bag, read as far as possible.

    Attributes:
        channels: by their keys in this file.
        counts: number of messages by channel.
        times_ns: of the first and last message; None if there is no message.
        damage: what could not be read so far, and where, without duplicates.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.channels: dict[int, Channel] = {}
        self.counts: Counter[int] = Counter()
        self.times_ns: tuple[int, int] | None = None
        self.damage: dict[str, None] = {}

    def messages(self, channels: Collection[int], start_ns: int, stop_ns: int) -> Iterator[Message]:
        """Yield the messages of channels with start_ns <= time < stop_ns, in time order."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file."""
        raise NotImplementedError

    def count(self, channel: int, time_ns: int) -> None:
        """Add a message to counts and times."""
        self.counts[channel] += 1
        self.include(time_ns, time_ns)

    def include(self, first_ns: int, last_ns: int) -> None:
        """Extend the times to those of further messages."""
        times_ns = (first_ns, last_ns, *(self.times_ns or ()))
        self.times_ns = min(times_ns), max(times_ns)

    def note(self, where: str, error: object) -> None:
        """Record damage, as one line."""
        self.damage[f"{self.name}: {where}: {' '.join(str(error).split())}"] = None


class SpannedFile(BagFile):
    """A file whose messages are in spans: the compressed chunks of mcap and of ROS 1."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file: BinaryIO = path.open("rb")
        self._spans: list[Span] = []
        self._cache = SpanCache(self._read)

    def close(self) -> None:
        """Close the file."""
        self._cache.clear()
        self._file.close()

    def messages(self, channels: Collection[int], start_ns: int, stop_ns: int) -> Iterator[Message]:
        """Yield the messages of channels in time order; damaged spans are left out."""
        wanted = frozenset(channels)
        spans = (
            self._of_span(span, wanted, start_ns, stop_ns)
            for span in self._spans
            if start_ns <= span.last_ns and span.first_ns < stop_ns
            # A span without a list of channels may contain any of them.
            if not span.channels or span.channels & wanted
        )
        for message in heapq.merge(*spans, key=attrgetter("time_ns")):
            if message.channel >= 0:
                yield message

    def _of_span(
        self, span: Span, wanted: frozenset[int], start_ns: int, stop_ns: int
    ) -> Iterator[Message]:
        """Yield an empty message at the span's first time, then its messages.

        So the merge reads a span only when its time has come.
        """
        yield Message(-1, span.first_ns, b"")
        try:
            found = [
                message
                for message in self._cache.messages(span)
                if message.channel in wanted and start_ns <= message.time_ns < stop_ns
            ]
        except Exception as error:  # zstd's, lz4's, struct's: they have no common type
            self.note(f"from byte {span.begin}", error)
            return
        yield from sorted(found, key=attrgetter("time_ns"))

    def _read(self, span: Span) -> Iterator[Message]:
        """Yield all messages of a span in the file's order; any error counts as damage."""
        raise NotImplementedError


@lru_cache  # a bag's topics repeat a few texts, each of which takes ten milliseconds
def qos_from(text: str) -> tuple[Qos, ...]:
    """Parse the offered QoS profiles of a bag; empty if they cannot be read."""
    try:
        return tuple(parse_qos(text))
    except Exception:  # a parser may raise anything on damaged text
        return ()
