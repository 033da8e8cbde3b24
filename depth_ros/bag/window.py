"""The messages of some topics around a moving time, with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from depth_ros import messages
from depth_ros.bag.reader import Record


class StampedMessage(NamedTuple):
    """A message with its bag time and its header's stamp (0 without a header)."""

    time_ns: int
    stamp_ns: int
    message: Any


class Window:
    """A time window that moves along its own iterator of records.

    Args:
        records: in time order.
        span_ns: half its length, back and ahead; the last message before it is kept as well.
    """

    def __init__(self, records: Iterable[Record], span_ns: int) -> None:
        self._records, self._span_ns = iter(records), span_ns
        self._messages: deque[StampedMessage] = deque()
        self._next: StampedMessage | None = self._pull()

    def around(self, time_ns: int) -> list[StampedMessage]:
        """Return the messages around a bag time, in the bag's order; times must not decrease."""
        while self._next is not None and self._next.time_ns <= time_ns + self._span_ns:
            self._messages.append(self._next)
            self._trim(time_ns)  # for each message: a jump may skip hours
            self._next = self._pull()
        self._trim(time_ns)
        return list(self._messages)

    def _trim(self, time_ns: int) -> None:
        while len(self._messages) > 1 and self._messages[1].time_ns < time_ns - self._span_ns:
            self._messages.popleft()

    def nearest(self, time_ns: int, stamp_ns: int) -> StampedMessage | None:
        """Return the message around a bag time with the stamp nearest to stamp_ns.

        If there is none before or around that time, return the first one after it.
        """
        around = self.around(time_ns)
        return min(around, key=lambda each: abs(each.stamp_ns - stamp_ns), default=self._next)

    def _pull(self) -> StampedMessage | None:
        for record in self._records:
            try:
                message = record.message()
            except Exception:  # a parser may raise anything on damaged bytes; use the next message
                continue
            stamp_ns = messages.stamp_ns(message.header) if hasattr(message, "header") else 0
            return StampedMessage(record.time_ns, stamp_ns, message)
        return None
