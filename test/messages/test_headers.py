"""Stamps in nanoseconds."""

from __future__ import annotations

from types import SimpleNamespace

from depth_ros.messages import (
    stamp_ns,
)
from test.messages.makers import (
    Maker,
)


def test_a_stamp_is_exact_in_nanoseconds() -> None:
    header = SimpleNamespace(stamp=SimpleNamespace(sec=1_700_000_000, nanosec=123_456_789))
    assert stamp_ns(header) == 1_700_000_000_123_456_789


def test_both_kinds_of_messages_have_stamps(make: Maker) -> None:
    msg = make("Image")
    msg.header.stamp.sec, msg.header.stamp.nanosec = 3, 5
    assert stamp_ns(msg.header) == 3_000_000_005
