# ruff: noqa: D102 - the fields are documented in std_msgs
"""std_msgs/Header: the time of a message."""

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
    """Refuse a stamp that cannot be a time of capture.

    Raises:
        MessageError: nanosec is a second or more, or sec is negative or the maximum of int32.
    """
    stamp = header.stamp
    if not (0 <= stamp.sec < 2**31 - 1 and 0 <= stamp.nanosec < 10**9):
        raise MessageError(
            f"stamp is sec {stamp.sec}, nanosec {stamp.nanosec}, expected 0 to 2147483646 and 0 to "
            "999999999"
        )
