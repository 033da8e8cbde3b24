"""Fast DDS transport for big messages."""

from __future__ import annotations

import os

from depth_ros import share

VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
MODE = "RMW_FASTRTPS_PUBLICATION_MODE"


def environment() -> dict[str, str]:
    """Return what to add to a process's environment so that images stay in shared memory.

    Empty when the user chose a profile; must be set before rclpy.init().
    """
    if os.environ.get(VARIABLE):
        return {}
    return {VARIABLE: str(share.find("config/fastdds.xml"))}


def asynchronous() -> dict[str, str]:
    """Return what lets Fast DDS write messages into shared memory in a thread of its own.

    publish(), in which no other thread runs Python, is then over in less than half the time; where
    all cores are busy the message arrives a little later (python -m benchmarks.wire). Empty when
    the user chose a mode; must be set before rclpy.init().
    """
    return {} if os.environ.get(MODE) else {MODE: "ASYNCHRONOUS"}
