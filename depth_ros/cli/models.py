"""List the known models, load one and run one frame, or make safetensors of its pickles."""

from __future__ import annotations

import argparse
from pathlib import Path

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
    parser.add_argument(
        "--convert",
        type=arguments.path,
        metavar="OUT",
        help="write its pickled weights as safetensors",
    )
    parser.add_argument(
        "--for",
        dest="place",
        choices=("indoor", "outdoor", "any"),
        help="list only models that were trained for such places",
    )
    parser.add_argument(
        "--commercial", action="store_true", help="list only models whose licence allows it"
    )
    arguments.add_weights(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table, one row of it, the report of a check, or where a conversion lies."""
    from depth_ros import models

    if options.name is None and (options.check or options.convert):
        verb = "--check" if options.check else "--convert"
        raise ModelError(f"{verb} is given without a name, expected the model to take")
    if options.name and (options.place or options.commercial):
        raise ModelError("--for and --commercial choose among all models, expected no name")
    weights = options.weights or ""
    if options.convert:
        print(_convert(options.name, weights, options.convert))
    elif options.check:
        print(_check(options.name, weights))
    elif options.name:
        print(models.table([models.find(options.name, weights)]))
    else:
        print(models.table(models.select(options.place or "any", options.commercial)))
    return 0


def _check(name: str, weights: str) -> str:
    from depth_ros import models, runtimes

    report = models.check(
        name,
        weights,
        lambda model: runtimes.create("auto", model.network, "cpu", "float32", model.graphs, "cpu"),
    )
    return report.text()


def _convert(name: str, weights: str, out: Path) -> str:
    from depth_ros import models

    entry = models.find(name, weights)
    models.convert(entry, out)
    use = f"model:={name} weights:={out}" if name in models.MODELS else f"model:={out}"
    return f"{out}: safetensors of {entry.source}, licence {entry.licence}; say {use}"
