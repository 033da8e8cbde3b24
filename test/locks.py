"""What runs of the tests on one machine share among them: the domains of ROS, and the GPU."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOMAINS = range(1, 101)
"""Those whose ports no system gives to others (docs.ros.org, "The ROS_DOMAIN_ID")."""

_PARTICIPANTS = 10


def of_machine(name: str) -> Path:
    """Return a file of this user that all runs of the tests lock for the same thing."""
    return Path(tempfile.gettempdir(), f"depth_ros_tests_{os.getuid()}_{name}.lock")


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a file, or yield False where another process holds it and wait is not set.

    The system frees the locks of a process that dies.
    """
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def free_domain() -> Iterator[int]:
    """Hold a ROS domain that no other run of the tests holds, and that nobody else is in.

    Raises:
        RuntimeError: there is none.
    """
    for domain in DOMAINS:
        with locked(of_machine(f"domain_{domain}"), wait=False) as ours:
            if ours and _empty(domain):
                yield domain
                return
    raise RuntimeError(f"ROS domains {DOMAINS.start} to {DOMAINS.stop - 1} are all in use")


def _empty(domain: int) -> bool:
    """Return whether the ports are free that a domain's participants take (RTPS 2.5, 9.6.2).

    The first one may have ended before others, whose run was killed.
    """
    return all(_free(7400 + 250 * domain + 10 + 2 * number) for number in range(_PARTICIPANTS))


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        try:
            taken.bind(("", port))
        except OSError:
            return False
    return True
