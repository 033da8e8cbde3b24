"""Render a drive and run the node on it, over DDS; or let a robot drive by the node's depth."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_ros.cli import arguments, exit_codes
from depth_ros.cli.warning import warn
from depth_ros.errors import SettingError

HELP = "render a drive and run the node on it, over DDS"
_SECONDS, _ROOMS = 10.0, 10


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
        metavar="S",
        help=f"length of the drive, 1 to 60 s; default: {_SECONDS:g} s",
    )
    parser.add_argument(
        "--seed",
        type=arguments.whole(0, arguments.LARGEST_SEED),
        default=0,
        metavar="N",
        help="number of the drive, or of the first room; default: %(default)s",
    )
    parser.add_argument(
        "--drive",
        action="store_true",
        help="closed loop: drive to goals in rendered rooms, with the camera as the only sensor",
    )
    parser.add_argument(
        "--rooms",
        type=arguments.whole(1, 1000),
        metavar="N",
        help=f"with --drive: how many rooms; default: {_ROOMS}",
    )


def run(options: argparse.Namespace) -> int:
    """Run the demonstration; exit code 1 when it does not meet its criteria.

    Raises:
        SettingError: there is --rooms without --drive, or --seconds with it.
    """
    if options.drive:
        if options.seconds is not None:
            raise SettingError("--seconds is not for --drive, which ends at its goals")
        return _drive(options)
    if options.rooms is not None:
        raise SettingError("--rooms needs --drive")
    from depth_ros import demo

    report = demo.run(options.out, options.model, options.seconds or _SECONDS, options.seed)
    print(report.table())
    print(f"picture: {options.out / 'preview.png'}   recording: {options.out / 'recording'}")
    return _judged(report.passed)


def _drive(options: argparse.Namespace) -> int:
    from depth_ros.drive import run as drive

    report = drive.run(options.out, options.model, options.rooms or _ROOMS, options.seed)
    print(report.table())
    print(f"film: {options.out / 'drive.webp'}   table: {options.out / 'drive.txt'}")
    return _judged(report.passed)


def _judged(passed: bool) -> int:
    if not passed:
        warn("the demonstration did not meet its criteria")
    return exit_codes.DONE if passed else exit_codes.FAILED
