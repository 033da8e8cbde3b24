"""A listener in a process of its own: ends when three in four of the last big images came."""

from __future__ import annotations

import sys

import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image


def main(size: int, images: int) -> None:
    rclpy.init()
    node, arrived = rclpy.create_node("big_listener"), list[int]()

    def count(message: Image) -> None:
        assert len(message.data) == size
        arrived.append(message.header.stamp.sec)

    def well() -> bool:
        last = arrived[-1] if arrived else 0
        return len([number for number in arrived if number > last - images]) >= 0.75 * images

    # Room for all: a listener that is slow to take them must not lose any.
    qos = QoSProfile(depth=2 * images, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_subscription(Image, "big", count, qos)
    while not well():
        rclpy.spin_once(node)
    rclpy.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
