"""Draw a preview of a bag with images and depth, or log it for Rerun."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from depth_ros.cli import arguments, exit_codes
from depth_ros.cli.warning import warn
from depth_ros.errors import SettingError

HELP = "draw a bag with images and depth"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("bag", type=arguments.existing, help="bag: folder or file")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--preview",
        type=arguments.path,
        metavar="FILE",
        help="write a preview: .mp4, .gif or .png; default: preview.png",
    )
    what.add_argument(
        "--rerun",
        type=arguments.path,
        metavar="FILE",
        help="write a recording for the Rerun viewer: .rrd; default: none",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    parser.add_argument(
        "--range",
        nargs=2,
        type=arguments.number(0.01, 1000, "m"),
        default=(0.5, 10.0),
        metavar=("NEAR", "FAR"),
        help="depth range of the colours in m; default: 0.5 10",
    )
    topic: dict[str, Any] = {"type": arguments.name, "metavar": "TOPIC"}
    parser.add_argument("--image", **topic, help="image topic; default: the only one")
    parser.add_argument(
        "--depth", **topic, help="depth topic; default: the only one, or depth/image"
    )
    arguments.add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """Draw, and print the number of frames; exit code 3 if the bag is damaged."""
    from depth_ros.bag.losses import Losses
    from depth_ros.cli.given_settings import check_camera, given
    from depth_ros.output_paths import check_file
    from depth_ros.viz.panel import Range
    from depth_ros.viz.preview import Preview
    from depth_ros.viz.rerun_log import RerunLog
    from depth_ros.viz.view import view

    path = options.rerun or options.preview or Path("preview.png")
    check_file(path, options.overwrite)
    near_m, far_m = options.range
    if near_m >= far_m:
        raise SettingError(f"--range is {near_m:g} {far_m:g}, expected NEAR below FAR")
    settings, losses = given(options.params, options.set), Losses()
    check_camera(settings)
    watcher = RerunLog(path) if options.rerun else Preview(path, Range(near_m, far_m))
    shown = view(options.bag, [watcher], options.image, options.depth, settings, losses)
    print(f"{path}: {shown} frames")
    warn(*losses.lines())
    return exit_codes.DAMAGED if losses.damaged else exit_codes.DONE
