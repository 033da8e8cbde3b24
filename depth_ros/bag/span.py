"""A piece of a bag's file that is read as a whole, and the messages in it."""

from __future__ import annotations

from typing import NamedTuple


class Message(NamedTuple):
    """A message as it is stored."""

    channel: int
    time_ns: int
    data: bytes


class Span(NamedTuple):
    """A piece of a file, with messages that are read together.

    Attributes:
        first_ns, last_ns: between them are the times of its messages.
        begin, end: bytes of the file.
        channels: of its messages; empty where they are not known.
    """

    first_ns: int
    last_ns: int
    begin: int
    end: int
    channels: frozenset[int] = frozenset()
