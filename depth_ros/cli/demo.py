"""Render a drive and run the node on it, over DDS."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from depth_ros.cli import arguments, exit_codes

HELP = "render a drive and run the node on it, over DDS"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--out",
        type=arguments.path,
        default=Path("out/demo"),
        metavar="FOLDER",
        help="output folder: new, empty, or of an earlier demonstration; default: %(default)s",
    )
    arguments.add_model(parser)
    parser.add_argument(
        "--seconds",
        type=arguments.number(1, 60, "s"),
        default=10.0,
        metavar="S",
        help="length of the drive, 1 to 60 s; default: %(default)g s",
    )
    parser.add_argument(
        "--seed",
        type=arguments.whole(0, arguments.LARGEST_SEED),
        default=0,
        metavar="N",
        help="random seed of the drive; default: %(default)s",
    )


def run(options: argparse.Namespace) -> int:
    """Run the demonstration; exit code 1 when it does not reach its bars."""
    from depth_ros import demo

    report = demo.run(options.out, options.model, options.seconds, options.seed)
    print(report.table())
    print(f"picture: {options.out / 'preview.png'}   recording: {options.out / 'recording'}")
    if not report.passed:
        print("depth_ros: the demonstration did not reach its bars", file=sys.stderr)
    return exit_codes.DONE if report.passed else exit_codes.FAILED
