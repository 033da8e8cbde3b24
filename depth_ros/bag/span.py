"""A span of a bag file that is read as a whole, and the messages in it."""

from __future__ import annotations

from typing import NamedTuple


class Message(NamedTuple):
    """A message as stored in the file."""

    channel: int
    time_ns: int
    data: bytes


class Span(NamedTuple):
    """A span of a file with messages that are read together.

    Attributes:
        first_ns, last_ns: limits of the times of its messages.
        begin, end: byte offsets in the file.
        channels: of its messages; empty if unknown.
    """

    first_ns: int
    last_ns: int
    begin: int
    end: int
    channels: frozenset[int] = frozenset()
