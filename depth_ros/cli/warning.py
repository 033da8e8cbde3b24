"""Warnings and errors to the user, on standard error."""

from __future__ import annotations

import sys


def warn(*lines: object) -> None:
    """Print lines, each after the program's name."""
    for line in lines:
        print(f"depth_ros: {line}", file=sys.stderr)
