"""Play a bag over DDS, at its own pace."""

from __future__ import annotations

import argparse

from depth_ros.cli.ros_process import become, positive

HELP = "play a bag over DDS"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("bag", help="a bag: folder or file")
    parser.add_argument("--rate", type=positive, default=1.0, help="2 is twice as fast as it was")
    parser.add_argument("--loop", action="store_true", help="again and again, until interrupted")
    parser.add_argument(
        "--clock", type=positive, default=0.0, metavar="HZ", help="publish the time on /clock"
    )
    parser.add_argument("--topics", nargs="+", default=[], help="those to play; default: all")
    parser.add_argument(
        "--start", type=positive, default=0.0, metavar="S", help="leave out so many seconds"
    )
    parser.add_argument(
        "--wait", action="store_true", help="begin when every topic has a subscriber"
    )


def run(options: argparse.Namespace) -> int:
    """Become the player."""
    become(
        "depth_ros.ros.play",
        bag=options.bag,
        rate=options.rate,
        loop=options.loop,
        clock_hz=options.clock,
        topics=options.topics,
        start_s=options.start,
        wait=options.wait,
    )
