"""A camera in a process of its own: numbered big images at 10 Hz, until its end."""

from __future__ import annotations

import sys
from array import array
from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

PERIOD_S = 0.1


def main(size: int, reliable: bool = False) -> None:
    rclpy.init()
    node = rclpy.create_node("big_camera")
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    if reliable:
        qos.reliability = ReliabilityPolicy.RELIABLE
    publisher = node.create_publisher(Image, "big", qos)
    message = Image(height=1, width=size, step=size, encoding="mono8")
    message.data = array("B", bytes(size))

    def publish() -> None:
        if publisher.get_subscription_count():  # the first is one that somebody listens to
            message.header.stamp.sec += 1
            publisher.publish(message)

    node.create_timer(PERIOD_S, publish)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
    rclpy.try_shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), "reliable" in sys.argv)
