"""The verb convert, as a worker of a fleet runs it."""

from __future__ import annotations

from contextlib import redirect_stderr, suppress
from io import StringIO
from pathlib import Path

from depth_ros.errors import BagError

_DAMAGED = 2


def convert_one(source: str, out: str, arguments: list[str]) -> str:
    """Convert a bag as `depth_ros convert` does; one that was begun before is gone on with.

    Returns:
        What is to be said of it: damage and warnings, or nothing.

    Raises:
        BagError: it cannot be converted.
    """
    from depth_ros import cli

    code, errors = None, StringIO()
    resume = ["--resume"] if Path(out).exists() else []
    with redirect_stderr(errors), suppress(SystemExit):  # of argparse, which is no DepthError
        code = cli.main(["convert", source, out, *resume, *arguments])
    lines = errors.getvalue().strip().splitlines()
    own = [line.removeprefix("depth_ros: ") for line in lines if line.startswith("depth_ros: ")]
    if code not in (0, _DAMAGED):
        said = own or lines  # argparse speaks for itself
        raise BagError(said[-1] if said else f"{source} was not converted, exit code {code}")
    return "; ".join(own)
