"""The depth node as a separate process, with ROS limited to this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from depth_ros import transport

_STOP_S = 20.0


def environment() -> dict[str, str]:
    """Return the environment of the node and its peers: discovery on this machine only."""
    return {
        **os.environ,
        **transport.environment(),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": os.environ.get("ROS_DOMAIN_ID", str(1 + os.getpid() % 100)),
    }


@contextmanager
def running(log: Path, arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the node with ROS arguments (after --ros-args) and a log file; stop it afterwards."""
    command = [sys.executable, "-m", "depth_ros.ros.main", "--ros-args", *arguments]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment())
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
