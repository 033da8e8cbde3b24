"""Print every parameter of the node, as a parameter file or as a table."""

from __future__ import annotations

import argparse

HELP = "print every parameter of the node"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--markdown", action="store_true", help="as a Markdown table")


def run(options: argparse.Namespace) -> int:
    """Print the parameters."""
    from depth_ros import config

    print(config.to_markdown() if options.markdown else config.to_yaml(), end="")
    return 0
