"""Send images to a running node over DDS one by one, and receive its outputs for each.

depth_ros.drive.exchange starts it as a separate process: python -m depth_ros.ros.exchange FD CLOUD,
an inherited connection and the topic of the clouds to receive, with --ros-args for remaps.
A request on the connection is the stamp of an image and all Records to publish, the image last. The
reply is a depth image and a cloud of the node as Records, None if the node dropped the image, or
an error text. The request None ends the process.
"""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy

from depth_ros.bag.reader import Record
from depth_ros.outputs.topics import CLOUD, IMAGE
from depth_ros.ros.message_class import message_class
from depth_ros.ros.replay import spin_until, stamp_ns

_DEPTH = "depth/image"
_START_TIMEOUT_S = 180.0
_ANSWER_TIMEOUT_S, _TRIES = 20.0, 3
_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
_DROPPED = "dropped"


class Exchange(Node):
    """Publishes the given records, and collects the node's outputs until they are complete.

    Args:
        cloud_topic: topic of the node's clouds to receive.
    """

    def __init__(self, cloud_topic: str) -> None:
        super().__init__("exchange")
        self._topics = {_DEPTH: IMAGE, cloud_topic: CLOUD}
        self._outputs: dict[str, Publisher[Any]] = {}
        self._answers: dict[str, Record] = {}
        self._stamp_ns = 0
        self._dropped = 0
        for topic, kind in self._topics.items():
            self._listen(topic, kind)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, _QOS)

    def _listen(self, topic: str, kind: str) -> None:
        def keep(data: bytes) -> None:
            if stamp_ns(data) == self._stamp_ns:
                self._answers[topic] = Record(topic, kind, self._stamp_ns, data)

        self.create_subscription(message_class(kind), topic, keep, _QOS, raw=True)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            for value in status.values:
                if value.key == _DROPPED:
                    self._dropped = int(value.value)

    def connect(self, records: list[Record]) -> None:
        """Advertise the records' topics, and wait for a node that subscribes to all of them.

        Raises:
            LookupError: the type of a topic is not installed.
            TimeoutError: there is no such node.
        """
        for topic, kind in {record.topic: record.kind for record in records}.items():
            cls = message_class(kind)
            if cls is None:
                raise LookupError(f"{topic} cannot be sent: {kind} is not installed")
            self._outputs[topic] = self.create_publisher(cls, topic, _QOS)

        def unheard() -> list[str]:
            outputs = self._outputs.items()
            return [topic for topic, output in outputs if not output.get_subscription_count()]

        def ready() -> bool:
            return not unheard() and all(self.count_publishers(topic) for topic in self._topics)

        if not spin_until(self, ready, _START_TIMEOUT_S):
            raise TimeoutError(f"no depth node listens to {', '.join(unheard())}")

    def ask(self, stamp_ns: int, records: list[Record]) -> list[Record] | None:
        """Publish, and return the outputs for the image of this stamp; None if it was dropped.

        Raises:
            TimeoutError: the node neither publishes outputs nor reports a dropped image.
        """
        self._stamp_ns = stamp_ns
        self._answers.clear()
        known = self._dropped

        def over() -> bool:
            return self._complete() or self._dropped > known

        # A node subscribes again after silence, and may miss a message then.
        for _ in range(_TRIES):
            for record in records:
                self._outputs[record.topic].publish(record.data)
            if spin_until(self, over, _ANSWER_TIMEOUT_S):
                return list(self._answers.values()) if self._complete() else None
        raise TimeoutError(f"the node did not answer within {_TRIES * _ANSWER_TIMEOUT_S:g} s")

    def _complete(self) -> bool:
        return len(self._answers) == len(self._topics)


def _serve(exchange: Exchange, connection: Connection) -> None:
    """Serve requests until there are no more, or the node fails."""
    connected = False
    while (question := connection.recv()) is not None:
        stamp, records = question
        try:
            if not connected:
                exchange.connect(records)
            answers = exchange.ask(stamp, records)
            if answers is None and not connected:
                # The camera_info may have arrived after the very first image.
                answers = exchange.ask(stamp, records)
            connection.send(answers)
        except (LookupError, TimeoutError) as error:
            connection.send(str(error))
            return
        connected = True


def main(arguments: list[str] | None = None) -> int:
    """Serve one connection."""
    rclpy.init(args=arguments)
    descriptor, cloud_topic = (arguments or sys.argv)[1:3]
    exchange = Exchange(cloud_topic)
    try:
        with Connection(int(descriptor)) as connection:
            _serve(exchange, connection)
    except (EOFError, KeyboardInterrupt):
        pass  # the other end is closed
    finally:
        exchange.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
