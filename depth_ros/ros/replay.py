"""Play a bag to a running depth node over DDS, and record the node's outputs.

Run it as a separate process: python -m depth_ros.ros.replay IN OUT, with --ros-args for remaps.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from tqdm import tqdm

from depth_ros.bag.reader import Record, records
from depth_ros.bag.writer import BagWriter
from depth_ros.errors import BagError
from depth_ros.outputs.topics import TOPICS
from depth_ros.ros.message_class import message_class
from depth_ros.ros.pace import Pace

RESULT = "replay.json"
_OUTPUTS = ("depth/image", "depth/camera_info", "depth/color", "points")
_ANSWER = "depth/image"
_START_TIMEOUT_S = 180.0
_ANSWER_TIMEOUT_S = 20.0
_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


class Replay(Node):
    """Publishes a bag's messages at the recorded rate and keeps all output messages.

    Messages stay serialised: nothing is decoded between the bag and DDS.
    """

    def __init__(self, bag: Path, image: str) -> None:
        super().__init__("replay")
        self.played = list(records(bag))
        if not any(record.topic == image for record in self.played):
            raise BagError(f"{bag} has no topic {image}, expected the images to play")
        self.recorded: list[Record] = []
        self.latencies_s: dict[int, float] = {}
        self._image = image
        self._sent_s: dict[int, float] = {}
        self._topics_out = self._offer()
        for topic in _OUTPUTS:
            self._listen(topic, TOPICS[topic].kind)
        self._listen("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")

    def _offer(self) -> dict[str, Publisher[Any]]:
        kinds = {record.topic: record.kind for record in self.played}
        classes = {topic: message_class(kind) for topic, kind in kinds.items()}
        return {
            topic: self.create_publisher(cls, topic, _QOS) for topic, cls in classes.items() if cls
        }

    def _listen(self, topic: str, kind: str) -> None:
        name = self.resolve_topic_name(topic)

        def keep(data: bytes) -> None:
            self.recorded.append(Record(name, kind, time.time_ns(), data))
            if topic == _ANSWER:
                stamp = stamp_ns(data)
                self.latencies_s[stamp] = time.monotonic() - self._sent_s.get(stamp, 0.0)

        cls = message_class(kind)
        assert cls is not None
        self.create_subscription(cls, topic, keep, _QOS, raw=True)

    def connected(self) -> bool:
        """Return whether a node subscribes to the images and advertises depth."""
        listeners: int = self._topics_out[self._image].get_subscription_count()
        offers: int = self.count_publishers(_ANSWER)
        return listeners > 0 and offers > 0

    def play(self) -> None:
        """Publish everything at the recorded rate, then wait for the last image's output."""
        pace = Pace(self.played[0].time_ns)
        for record in tqdm(self.played, desc="replay", unit="msg"):
            while (left_s := pace.left_s(record.time_ns)) > 0:
                rclpy.spin_once(self, timeout_sec=left_s)
            self._send(record)
        last = max(self._sent_s)
        spin_until(self, lambda: last in self.latencies_s, _ANSWER_TIMEOUT_S)

    def _send(self, record: Record) -> None:
        if record.topic == self._image:
            self._sent_s[stamp_ns(record.data)] = time.monotonic()
        self.recorded.append(record._replace(time_ns=time.time_ns()))
        if record.topic in self._topics_out:
            self._topics_out[record.topic].publish(record.data)

    def save(self, out: Path) -> None:
        """Write the recording and, next to it, a summary: images sent and output latencies."""
        with BagWriter(out) as bag:
            for record in tqdm(self.recorded, desc="record", unit="msg"):
                bag.write_raw(record.topic, record.kind, record.data, record.time_ns)
        known = {stamp: late for stamp, late in self.latencies_s.items() if stamp in self._sent_s}
        result = {"images": len(self._sent_s), "latencies_s": list(known.values())}
        (out.parent / RESULT).write_text(json.dumps(result) + "\n")


def spin_until(node: Node, condition: Callable[[], bool], timeout_s: float) -> bool:
    """Spin until a condition holds or time is over; return whether it holds."""
    until_s = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < until_s:
        rclpy.spin_once(node, timeout_sec=0.05)
    return condition()


def stamp_ns(data: bytes) -> int:
    """Return the stamp at the start of a serialised message, after the 4-byte CDR header."""
    order: Literal["little", "big"] = "little" if data[1] & 1 else "big"
    sec = int.from_bytes(data[4:8], order, signed=True)
    return sec * 1_000_000_000 + int.from_bytes(data[8:12], order)


def main(arguments: list[str] | None = None) -> int:
    """Replay one bag; exit code 1 if no node responds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bag", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--image", required=True, help="the bag's image topic")
    options, ros_arguments = parser.parse_known_args(arguments)
    rclpy.init(args=ros_arguments)
    replay = None
    try:
        replay = Replay(options.bag, options.image)
        if not spin_until(replay, replay.connected, _START_TIMEOUT_S):
            print(f"replay: no depth node listens to {options.image}", file=sys.stderr)
            return 1
        replay.play()
        replay.save(options.out)
    except BagError as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1
    finally:
        if replay is not None:
            replay.destroy_node()  # else it listens until garbage collection
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
