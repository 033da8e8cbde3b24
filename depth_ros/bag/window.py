"""The messages of some topics around a time, while the rest of a recording passes by."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from depth_ros import messages
from depth_ros.bag.reader import Record
from depth_ros.bag.types import TYPESTORE


class Seen(NamedTuple):
    """A message with its times: the bag's, and the header's, 0 where it has no header."""

    time_ns: int
    stamp_ns: int
    message: Any


class Window:
    """Moves along records of its own: it looks ahead, and depends on no other reader.

    Args:
        records: in time order.
        span_ns: how far it looks, back and ahead; the last message before is always in it.
    """

    def __init__(self, records: Iterable[Record], span_ns: int) -> None:
        self._records, self._span_ns = iter(records), span_ns
        self._seen: deque[Seen] = deque()
        self._next: Seen | None = self._pull()

    def around(self, time_ns: int) -> list[Seen]:
        """Return what there is around a bag time, in the order of the bag; times only go on."""
        while self._next is not None and self._next.time_ns <= time_ns + self._span_ns:
            self._seen.append(self._next)
            self._trim(time_ns)  # at once: hours may be skipped
            self._next = self._pull()
        self._trim(time_ns)
        return list(self._seen)

    def _trim(self, time_ns: int) -> None:
        while len(self._seen) > 1 and self._seen[1].time_ns < time_ns - self._span_ns:
            self._seen.popleft()

    def nearest(self, time_ns: int, stamp_ns: int) -> Seen | None:
        """Return the message around a bag time whose stamp is nearest to another.

        Where there is none before or around, it is the first one after.
        """
        around = self.around(time_ns)
        return min(around, key=lambda seen: abs(seen.stamp_ns - stamp_ns), default=self._next)

    def _pull(self) -> Seen | None:
        for record in self._records:
            try:
                message: Any = TYPESTORE.deserialize_cdr(record.data, record.kind)
            except Exception:  # whatever a parser makes of damaged bytes: its neighbours stand in
                continue
            stamp_ns = messages.stamp_ns(message.header) if hasattr(message, "header") else 0
            return Seen(record.time_ns, stamp_ns, message)
        return None
