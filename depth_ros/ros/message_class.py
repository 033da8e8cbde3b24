"""The classes of message types that are installed."""

from __future__ import annotations

import importlib
from functools import cache


@cache
def message_class(kind: str) -> type | None:
    """Return rclpy's class of a type such as sensor_msgs/msg/Image; None where not installed."""
    package, _, name = kind.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name, None)
    except ImportError:
        return None
