"""List the known models, or load one and run one frame."""

from __future__ import annotations

import argparse

from depth_ros.cli import arguments
from depth_ros.errors import ModelError

HELP = "list the known models, or try one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "name",
        nargs="?",
        type=arguments.name,
        help="one model: name, folder, .onnx file or hub id; default: all known ones",
    )
    parser.add_argument("--check", action="store_true", help="load it and run one frame")
    arguments.add_weights(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table, one row of it, or the report of a check."""
    from depth_ros import models, runtimes

    weights = options.weights or ""
    if options.check and not options.name:
        raise ModelError("--check is given without a name, expected the model to try")
    if options.check:
        report = models.check(
            options.name,
            weights,
            lambda model: runtimes.create(
                "auto", model.network, "cpu", "float32", model.graphs, "cpu"
            ),
        )
        print(report.text())
    elif options.name:
        print(models.table([models.find(options.name, weights)]))
    else:
        print(models.table())
    return 0
