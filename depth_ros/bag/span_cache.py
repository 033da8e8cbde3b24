"""A cache of the spans that were read last, so that no chunk is decompressed twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from depth_ros.bag.span import Message, Span

MAX_BYTES = 64 << 20
"""Maximum size of the cached messages: several chunks of any recorder's default size."""


class SpanCache:
    """Keeps the messages of the most recently used spans, up to MAX_BYTES.

    The readers of different topics (images, camera_info, anchors) are rarely more than a second
    apart.

    Args:
        read: returns all messages of a span in file order.
    """

    def __init__(self, read: Callable[[Span], Iterable[Message]]) -> None:
        self._read = read
        self._kept: OrderedDict[Span, list[Message]] = OrderedDict()
        self._bytes = 0

    def messages(self, span: Span) -> list[Message]:
        """Return all messages of a span; raises the errors of read()."""
        messages = self._kept.get(span)
        if messages is not None:
            self._kept.move_to_end(span)
            return messages
        messages = list(self._read(span))
        self._kept[span] = messages
        self._bytes += _size(messages)
        while self._bytes > MAX_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= _size(dropped)
        return messages

    def clear(self) -> None:
        """Remove all messages from the cache."""
        self._kept.clear()
        self._bytes = 0


def _size(messages: list[Message]) -> int:
    return sum(len(message.data) for message in messages)
