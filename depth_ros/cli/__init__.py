"""The command line: one verb per file, heavy imports inside its run()."""

from __future__ import annotations

import argparse
import sys
from types import ModuleType

from depth_ros import __version__
from depth_ros.cli import (
    convert,
    demo,
    evaluate,
    export,
    models,
    play,
    profile,
    record,
    settings,
    train,
    view,
)
from depth_ros.errors import DepthError

VERBS: tuple[ModuleType, ...] = (
    train,
    evaluate,
    demo,
    convert,
    view,
    play,
    record,
    models,
    profile,
    export,
    settings,
)
"""Each has HELP, add_arguments(parser) and run(options), which returns the exit code."""


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; an error it raises on purpose is one line and exit code 1."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except DepthError as error:
        print(f"depth_ros: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    parser = argparse.ArgumentParser(
        prog="depth_ros", description="Metric depth and point clouds from any calibrated camera."
    )
    parser.add_argument("--version", action="version", version=f"depth_ros {__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True)
    for verb in VERBS:
        sub = verbs.add_parser(name(verb), help=verb.HELP, description=verb.__doc__)
        verb.add_arguments(sub)
        sub.set_defaults(run=verb.run)
    return parser


def name(verb: ModuleType) -> str:
    """Return what the user says for a verb's module."""
    return verb.__name__.rpartition(".")[2]
