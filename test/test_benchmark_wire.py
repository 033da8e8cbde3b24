"""What a cloud costs on the wire: that what arrives is compared, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy", reason="the processes are ROS nodes")

from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import PointCloud2

from benchmarks import wire
from benchmarks.mismatch import MismatchError
from benchmarks.timing import Spread
from benchmarks.wire import Result, Serialised, Setup
from depth_ros.messages import points_from_cloud


@pytest.mark.parametrize(
    ("stride", "organised", "points"),
    [(1, True, 640 * 480), (2, True, 320 * 240), (4, False, 160 * 120 * 7 // 8)],
)
def test_a_cloud_is_as_large_as_the_nodes(stride: int, organised: bool, points: int) -> None:
    message = wire.cloud(stride, organised)
    assert len(message.data) == points * 16
    assert points_from_cloud(message).xyz.size == points * 3


def test_a_cloud_serialised_in_one_copy_is_what_rclpy_makes_of_it() -> None:
    message = wire.cloud(4, True)
    serialised = Serialised(message)
    message.header.stamp.sec, message.header.stamp.nanosec = 12, 34
    message.data[5] = 77
    data = serialised(message)
    assert len(data) == len(bytes(serialize_message(message)))  # padding may differ
    assert deserialize_message(data, PointCloud2) == message


def test_another_layout_than_was_thought_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "serialize_message", lambda message: bytes(500_000))
    with pytest.raises(MismatchError, match="does not end with its data"):
        Serialised(wire.cloud(4, True))


def test_a_cloud_that_arrives_otherwise_is_noticed() -> None:
    class Sender:
        def send(self, message: Any, way: Any) -> tuple[float, list[str]]:
            return 1.0, ["0"]

    sender: Any = Sender()
    with pytest.raises(MismatchError, match="another cloud than was sent"):
        wire._check(sender, wire.cloud(4, True), wire.itself)


def test_a_real_run_tells_every_cloud_and_way() -> None:
    results = wire.run(Setup("SYNCHRONOUS", True, 2), 3, [4])
    assert [(each.cloud, each.way) for each in results] == [
        ("organised, stride 4", "message"),
        ("organised, stride 4", "bytes"),
        ("dense, stride 4", "message"),
        ("dense, stride 4", "bytes"),
    ]
    assert [each.size for each in results[::2]] == [160 * 120 * 16, 160 * 120 * 14]
    assert all(0 < each.call_ms.median < each.last_ms.high for each in results)
    text = wire.table(results)
    assert "synchronous, listeners that keep their memory: 2" in text
    assert len(text.splitlines()) == 1 + 2 + len(results)


def test_setups_are_told_apart() -> None:
    spread = Spread(1.0, 0.5, 2.0)
    results = [
        Result(Setup(mode, keeping, 1), "dense, stride 1", 100, "message", spread, spread)
        for mode, keeping in wire.SETUPS
    ]
    text = wire.table(results)
    assert "synchronous, listeners as they come: 1" in text
    assert text.count("1.00 [0.50, 2.00]") == 2 * len(results)
