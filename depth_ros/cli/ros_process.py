"""Replace the command by a ROS process: the command line itself never imports rclpy."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from typing import Any, NoReturn

from depth_ros import transport
from depth_ros.errors import DepthError


def become(module: str, **options: Any) -> NoReturn:
    """Replace this process by python -m module, with its options as JSON.

    The module then handles interrupts and sets the exit code.

    Raises:
        DepthError: there is no ROS 2.
    """
    if find_spec("rclpy") is None:
        raise DepthError("rclpy cannot be found, expected a sourced ROS 2 or its wheels")
    sys.stdout.flush()
    environment = {**os.environ, **transport.environment()}
    command = [sys.executable, "-m", module, json.dumps(options)]
    os.execve(sys.executable, command, environment)
