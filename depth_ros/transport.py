"""Fast DDS transport for big messages."""

from __future__ import annotations

import os

from depth_ros import share

VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"


def environment() -> dict[str, str]:
    """Return what to add to a process's environment so that images stay in shared memory.

    Empty when the user chose a profile; must be set before rclpy.init().
    """
    if os.environ.get(VARIABLE):
        return {}
    return {VARIABLE: str(share.find("config/fastdds.xml"))}
