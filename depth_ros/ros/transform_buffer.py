"""Transforms from TF: received by tf2_ros, or by this package where tf2_ros is missing."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Protocol

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time

from depth_ros import messages
from depth_ros.arrays import FloatArray
from depth_ros.bag.types import TYPESTORE
from depth_ros.errors import SettingError
from depth_ros.ros import tf_message
from depth_ros.ros.message_class import message_class
from depth_ros.ros.transform_history import TransformHistory

MISSING = "extrinsics is 'tf', expected 'parameters' where tf2_ros is missing"

_DEPTH = 100  # as in tf2_ros


class TransformBuffer(Protocol):
    """The transforms of the last seconds."""

    def look_up(self, target: str, source: str, stamp_ns: int, patience_s: float) -> FloatArray:
        """Return the 4x4 transform of points in the source frame to the target frame.

        Args:
            target, source: frames.
            stamp_ns: time of the transform.
            patience_s: how long to wait for it.

        Raises:
            Exception: there is none; tf2 raises many unrelated types.
        """

    def clear(self) -> None:
        """Forget what moves, as when time jumps back."""

    def destroy(self) -> None:
        """Destroy the subscriptions; else they would keep the node alive."""


class Tf2Buffer:
    """tf2_ros's buffer.

    Raises:
        ImportError: tf2_ros is not installed.
    """

    def __init__(self, node: Node) -> None:
        tf2_ros = importlib.import_module("tf2_ros")
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)
        self.clear = self._buffer.clear
        self.destroy = self._listener.unregister

    def look_up(self, target: str, source: str, stamp_ns: int, patience_s: float) -> FloatArray:
        """See TransformBuffer."""
        stamp, patience = Time(nanoseconds=stamp_ns), Duration(seconds=patience_s)
        found = self._buffer.lookup_transform(target, source, stamp, patience)
        return messages.matrix_from_transform(found.transform)


class OwnBuffer:
    """A history of its own, filled from /tf and /tf_static.

    Raises:
        SettingError: there is no class to subscribe with.
    """

    def __init__(self, node: Node) -> None:
        kind = message_class(tf_message.KIND)
        if kind is None:
            raise SettingError(MISSING)
        self._node, self._history = node, TransformHistory()
        self.look_up, self.clear = self._history.look_up, self._history.clear
        moving = QoSProfile(depth=_DEPTH)
        latched = QoSProfile(depth=_DEPTH, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._subscriptions = [
            node.create_subscription(kind, topic, partial(self._add, static), qos, raw=True)
            for topic, static, qos in (("/tf", False, moving), ("/tf_static", True, latched))
        ]

    def _add(self, static: bool, data: bytes) -> None:
        self._history.add(TYPESTORE.deserialize_cdr(data, tf_message.KIND), static)

    def destroy(self) -> None:
        """See TransformBuffer."""
        for each in self._subscriptions:
            self._node.destroy_subscription(each)


def receiving(node: Node) -> TransformBuffer:
    """Return a buffer that a node's executor fills: tf2_ros's, if installed.

    Raises:
        SettingError: neither kind is possible.
    """
    try:
        return Tf2Buffer(node)
    except ImportError:
        return OwnBuffer(node)
