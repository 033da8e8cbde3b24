"""Fast DDS settings for large messages."""

from __future__ import annotations

import os

from depth_ros import share

VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
MODE = "RMW_FASTRTPS_PUBLICATION_MODE"


def environment() -> dict[str, str]:
    """Return environment variables with which images stay in shared memory.

    Empty if the user has set a profile. Must be set before rclpy.init().
    """
    if os.environ.get(VARIABLE):
        return {}
    return {VARIABLE: str(share.find("config/fastdds.xml"))}


def asynchronous() -> dict[str, str]:
    """Return environment variables with which Fast DDS writes messages in its own thread.

    publish(), during which no other thread runs Python, then takes less than half the time; if all
    cores are busy the message arrives slightly later (python -m benchmarks.wire). Empty if the user
    has set a mode. Must be set before rclpy.init().
    """
    return {} if os.environ.get(MODE) else {MODE: "ASYNCHRONOUS"}
