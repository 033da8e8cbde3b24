"""Error handling of the benchmark commands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Protocol

from depth_ros.errors import DepthError, one_line


class Main(Protocol):
    """The main function of a command; None: the arguments of the process."""

    def __call__(self, arguments: list[str] | None = None) -> int:
        """Return the exit code."""


def in_one_line(main: Callable[[list[str] | None], int]) -> Main:
    """Make a main() print expected errors as one line and return 1.

    These are DepthError and missing libraries or files.
    """

    @wraps(main)
    def guarded(arguments: list[str] | None = None) -> int:
        try:
            return main(arguments)
        except (DepthError, ModuleNotFoundError, OSError) as error:
            print(f"benchmarks: {one_line(error)}", file=sys.stderr)
            return 1

    return guarded
