"""Record topics over DDS into a bag, until interrupted."""

from __future__ import annotations

import argparse

from depth_ros.cli import arguments
from depth_ros.cli.ros_process import add_ros_arguments, become

HELP = "record topics over DDS into a bag"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("out", type=arguments.path, metavar="OUT", help="new folder of the bag")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--topics",
        type=arguments.topic,
        nargs="+",
        default=[],
        help="topics to record; required without --all; default: none",
    )
    what.add_argument("--all", action="store_true", help="record every topic that is not hidden")
    parser.add_argument(
        "--seconds",
        type=arguments.number(0.1, 1e9, "s"),
        metavar="S",
        help="stop after S seconds, 0.1 or more; default: when interrupted",
    )
    add_ros_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Replace this process by the recorder."""
    become(
        "depth_ros.ros.record",
        options.ros_args,
        out=str(options.out),
        topics=options.topics,
        seconds=options.seconds or 0.0,
    )
