"""What every command here does about errors that are nobody's fault but its arguments'."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Protocol

from depth_ros.errors import DepthError, one_line


class Main(Protocol):
    """The function of a command; without arguments those of the process."""

    def __call__(self, arguments: list[str] | None = None) -> int:
        """Return the exit code."""


def in_one_line(main: Callable[[list[str] | None], int]) -> Main:
    """Let a main() say what it raises on purpose in one line, and return 1 for it.

    DepthError; a library or file that is not there.
    """

    @wraps(main)
    def guarded(arguments: list[str] | None = None) -> int:
        try:
            return main(arguments)
        except (DepthError, ModuleNotFoundError, OSError) as error:
            print(f"benchmarks: {one_line(error)}", file=sys.stderr)
            return 1

    return guarded
