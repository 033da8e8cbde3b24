# ruff: noqa: D102 - what the messages' fields mean is said in sensor_msgs
"""std_msgs/Header: when a message is of."""

from __future__ import annotations

from typing import Protocol


class Stamp(Protocol):
    """builtin_interfaces/Time."""

    sec: int
    nanosec: int


class Header(Protocol):
    """std_msgs/Header."""

    @property
    def stamp(self) -> Stamp: ...


def stamp_ns(header: Header) -> int:
    """Return a header's stamp in nanoseconds."""
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
