"""The classes of message types."""

from __future__ import annotations

import importlib
from functools import cache

from depth_ros.ros import tf_message


@cache
def message_class(kind: str) -> type | None:
    """Return rclpy's class of a type such as sensor_msgs/msg/Image; None where not installed.

    Without tf2_msgs, the class of TFMessage is one for serialised messages.
    """
    package, _, name = kind.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name, None)
    except ImportError:
        return tf_message.tf_message() if kind == tf_message.KIND else None
