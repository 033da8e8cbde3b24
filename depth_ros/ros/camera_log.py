"""What is logged about a camera and its messages, rate-limited."""

from __future__ import annotations

import math
import time

from rclpy.node import Node

from depth_ros.errors import CameraError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.virtual_pinhole import share_unseen
from depth_ros.ros.health import Health

_PERIOD_S = 5.0


class CameraLog:
    """Warns what happened to messages and why; rate-limited for each topic and kind of error.

    Args:
        node: its logger is used.
        health: keeps the last error.
    """

    def __init__(self, node: Node, health: Health) -> None:
        self._node, self._health = node, health
        self._warned_s: dict[tuple[str, type], float] = {}

    def warn(self, topic: str, error: BaseException, fate: str = "dropped") -> None:
        """Report an error of a message on a topic, and what happened to the message."""
        self._health.last_error = f"{type(error).__name__}: {error}"
        kind, now_s = (topic, type(error)), time.monotonic()
        if now_s - self._warned_s.get(kind, -math.inf) < _PERIOD_S:
            return
        self._warned_s[kind] = now_s
        self._node.get_logger().warning(f"{topic}: {fate}, {self._health.last_error}")

    def announce(self, topic: str, camera: Camera, seen: Camera) -> None:
        """Log what is special about a new camera.

        Args:
            topic: of its camera_info.
            camera: the camera.
            seen: of the image that the network sees; a virtual pinhole, or the camera itself.
        """
        if camera.ray_warning:
            self.warn(topic, CameraError(camera.ray_warning), "used, but")
        if seen is not camera:
            self._node.get_logger().info(
                f"{topic}: the network sees a virtual pinhole of {seen.width}x{seen.height}, "
                f"outside of it {share_unseen(camera, seen):.0%} of the pixels have no depth "
                "(undistort)"
            )
