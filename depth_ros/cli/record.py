"""Record topics over DDS into a bag, until interrupted."""

from __future__ import annotations

import argparse

from depth_ros.cli.ros_process import become, positive

HELP = "record topics over DDS into a bag"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("out", help="folder of the bag, which must not exist")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--topics", nargs="+", default=[], help="those to record")
    what.add_argument("--all", action="store_true", help="record every topic that is not hidden")
    parser.add_argument("--seconds", type=positive, default=0.0, help="end after so long")


def run(options: argparse.Namespace) -> int:
    """Become the recorder."""
    become(
        "depth_ros.ros.record",
        out=options.out,
        topics=options.topics,
        seconds=options.seconds,
    )
