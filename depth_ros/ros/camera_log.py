"""Warnings about a camera's messages, rate-limited."""

from __future__ import annotations

import math
import time

from rclpy.node import Node

from depth_ros.ros.diagnostics import Health

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
