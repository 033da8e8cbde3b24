"""The verb convert, as a worker of a fleet runs it."""

from __future__ import annotations

from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from depth_ros.cli import exit_codes
from depth_ros.errors import BagError


def convert_one(source: str, out: str, arguments: list[str]) -> str:
    """Convert a bag as `depth_ros convert` does; one that was begun before is gone on with.

    Returns:
        What is to be said of it: damage and warnings, or nothing.

    Raises:
        BagError: it cannot be converted.
    """
    from depth_ros import cli

    errors = StringIO()
    resume = ["--resume"] if Path(out).exists() else []
    with redirect_stderr(errors):
        code = cli.main(["convert", source, out, *resume, *arguments])
    lines = errors.getvalue().strip().splitlines()
    own = [line.removeprefix("depth_ros: ") for line in lines if line.startswith("depth_ros: ")]
    if code not in (exit_codes.DONE, exit_codes.DAMAGED):
        raise BagError(own[-1] if own else f"{source} was not converted, exit code {code}")
    return "; ".join(own)
