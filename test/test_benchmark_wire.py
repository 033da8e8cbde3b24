"""What a cloud costs on the wire: that what arrives is compared, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="the processes are ROS nodes")

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from benchmarks import wire
from benchmarks.mismatch import MismatchError
from benchmarks.timing import Spread
from benchmarks.wire import Result, Sender, Sent, Serialised, Setup
from depth_ros.errors import DepthError
from depth_ros.messages import points_from_cloud

pytestmark = [pytest.mark.dds, pytest.mark.slow]


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
    class Garbling:
        def send(self, message: Any, way: Any) -> Sent:
            return Sent(0, 1.0, [0], 0)

    sender: Any = Garbling()
    with pytest.raises(MismatchError, match="another cloud than was sent"):
        wire._check(sender, wire.cloud(4, True), wire.itself)


def test_the_last_listener_determines_the_latency() -> None:
    assert Sent(5_000_000, 1.0, [9_000_000, 7_000_000], 0).last_ms == 4.0


@pytest.fixture
def ros() -> Iterator[None]:
    rclpy.init(args=[])
    yield
    rclpy.shutdown()


@pytest.fixture
def listener(ros: None) -> Iterator[Callable[..., None]]:
    """Listens in a thread, and forgets the messages of some numbers."""
    executor = SingleThreadedExecutor()
    thread = Thread(target=executor.spin, daemon=True)

    def start(*forgotten: int) -> None:
        node = rclpy.create_node("listener")
        echo = node.create_publisher(Header, "arrived", 100)

        def note(data: bytes) -> None:
            output = wire.reply_to("one", data)
            if output.stamp.sec not in forgotten:
                echo.publish(output)

        node.create_subscription(PointCloud2, "cloud", note, 2, raw=True)
        executor.add_node(node)
        thread.start()

    yield start
    executor.shutdown()
    thread.join()


def test_a_cloud_without_acknowledgement_is_counted_and_sent_again(
    listener: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener(2, 3)
    sender, message = Sender(), wire.cloud(4, False)
    sender.wait_for(1)
    assert sender.send(message, wire.itself).lost == 0
    monkeypatch.setattr(wire, "_LOST_AFTER_S", 0.3)
    sent = sender.send(message, wire.itself)
    assert sent.lost >= 2
    assert sent.last_ms > 0


def test_a_missing_listener_is_an_error(
    listener: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener()
    monkeypatch.setattr(wire, "_START_TIMEOUT_S", 1.0)
    with pytest.raises(DepthError, match="listeners are there, expected 2"):
        Sender().wait_for(2)


def test_a_listener_that_stops_replying_is_an_error(
    listener: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener(*range(1, 20))
    sender = Sender()
    sender.wait_for(1)
    monkeypatch.setattr(wire, "_LOST_AFTER_S", 0.05)
    with pytest.raises(DepthError, match="sent 10 times, expected 1 acknowledgements"):
        sender.send(wire.cloud(4, False), wire.itself)


def test_a_real_run_reports_every_cloud_and_way() -> None:
    results = wire.run(Setup("SYNCHRONOUS", True, 2), 3, [4])
    assert [(each.cloud, each.way) for each in results] == [
        ("organised, stride 4", "message"),
        ("organised, stride 4", "bytes"),
        ("dense, stride 4", "message"),
        ("dense, stride 4", "bytes"),
    ]
    assert [each.size for each in results[::2]] == [160 * 120 * 16, 160 * 120 * 14]
    # A listener may have a cloud before publish() returns, so the two times are not compared.
    assert all(each.call_ms.low > 0 and each.last_ms.low > 0 for each in results)
    text = wire.table(results)
    assert "synchronous, listeners that keep their memory: 2" in text
    assert len(text.splitlines()) == 1 + 2 + len(results)


def test_setups_are_told_apart() -> None:
    spread = Spread(1.0, 0.5, 2.0)
    results = [
        Result(Setup(mode, keeping, 1), "dense, stride 1", 100, "message", spread, spread, 0)
        for mode, keeping in wire.SETUPS
    ]
    text = wire.table(results)
    assert "synchronous, listeners as they come: 1" in text
    assert text.count("1.00 [0.50, 2.00]") == 2 * len(results)
