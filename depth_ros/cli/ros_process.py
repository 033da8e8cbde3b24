"""Replace the command by a ROS process: the command line itself never imports rclpy."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NoReturn

from depth_ros import transport
from depth_ros.errors import DepthError


def add_ros_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --ros-args, which launch files add to every command; ros2 run passes it on."""
    parser.add_argument(
        "--ros-args",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="ARG",
        help="what follows are arguments of ROS, such as -r /image:=/front/image; default: none",
    )


def become(module: str, ros_arguments: Sequence[str], **options: Any) -> NoReturn:
    """Replace this process by python -m module, with its options as JSON.

    The module then handles interrupts and sets the exit code.

    Args:
        module: its main() takes the JSON, and then arguments of ROS.
        ros_arguments: those that follow --ros-args.
        options: of the module.

    Raises:
        DepthError: there is no ROS 2.
    """
    if find_spec("rclpy") is None:
        raise DepthError("rclpy cannot be found, expected a sourced ROS 2 or its wheels")
    sys.stdout.flush()
    environment = {**os.environ, **transport.environment()}
    command = [sys.executable, "-m", module, json.dumps(options), "--ros-args", *ros_arguments]
    os.execve(sys.executable, command, environment)
