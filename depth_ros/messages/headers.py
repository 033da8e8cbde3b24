# ruff: noqa: D102 - what the messages' fields mean is said in sensor_msgs
"""std_msgs/Header: when a message is of."""

from __future__ import annotations

from typing import Protocol

from depth_ros.errors import MessageError


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


def check_stamp(header: Header) -> None:
    """Refuse a stamp that is no time of capture.

    Raises:
        MessageError: nanosec is a second or more, or sec is negative or the last one that there is.
    """
    stamp = header.stamp
    if not (0 <= stamp.sec < 2**31 - 1 and 0 <= stamp.nanosec < 10**9):
        raise MessageError(
            f"stamp is sec {stamp.sec}, nanosec {stamp.nanosec}, expected 0 to 2147483646 and 0 to "
            "999999999"
        )
