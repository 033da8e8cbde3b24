"""Play a bag over DDS, at its own pace."""

from __future__ import annotations

import argparse

from depth_ros.cli import arguments
from depth_ros.cli.ros_process import add_ros_arguments, become

HELP = "play a bag over DDS"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("bag", type=arguments.existing, help="bag: folder or file")
    parser.add_argument(
        "--rate",
        type=arguments.number(0.001, 1000),
        default=1.0,
        metavar="R",
        help="playback speed, 0.001 to 1000; 2: twice as fast; default: %(default)g",
    )
    parser.add_argument("--loop", action="store_true", help="repeat until interrupted")
    parser.add_argument(
        "--clock",
        type=arguments.number(0, 10_000, "Hz"),
        default=0.0,
        metavar="HZ",
        help="rate of /clock in Hz; 0: do not publish it; default: %(default)g",
    )
    parser.add_argument(
        "--topics", type=arguments.name, nargs="+", default=[], help="topics to play; default: all"
    )
    parser.add_argument(
        "--start",
        type=arguments.number(0, 1e9, "s"),
        default=0.0,
        metavar="S",
        help="skip the first S seconds; default: %(default)g s",
    )
    wait = parser.add_mutually_exclusive_group()
    wait.add_argument(
        "--wait",
        action="store_true",
        help="wait until every topic has a subscriber; default: wait at most one second",
    )
    wait.add_argument(
        "--wait-for",
        type=arguments.topic,
        nargs="+",
        default=[],
        metavar="TOPIC",
        help="wait until these topics have a subscriber; default: see --wait",
    )
    add_ros_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Replace this process by the player."""
    become(
        "depth_ros.ros.play",
        options.ros_args,
        bag=str(options.bag),
        rate=options.rate,
        loop=options.loop,
        clock_hz=options.clock,
        topics=options.topics,
        start_s=options.start,
        wait=options.wait,
        wait_for=[f"/{topic.lstrip('/')}" for topic in options.wait_for],
    )
