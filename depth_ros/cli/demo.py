"""Render a drive and run the node on it, over DDS."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "render a drive and run the node on it, over DDS"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("out/demo"),
        help="new or empty folder, or that of an earlier demonstration",
    )
    parser.add_argument("--model", default="zoedepth-lite", help="name, folder or hub id")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the drive")
    parser.add_argument("--seed", type=int, default=0, help="which drive")


def run(options: argparse.Namespace) -> int:
    """Run the demonstration; exit code 1 when it does not reach its bars."""
    from depth_ros import demo

    report = demo.run(options.out, options.model, options.seconds, options.seed)
    print(report.table())
    print(f"picture: {options.out / 'preview.png'}   recording: {options.out / 'recording'}")
    if not report.passed:
        print("depth_ros: the demonstration did not reach its bars", file=sys.stderr)
    return 0 if report.passed else 1
