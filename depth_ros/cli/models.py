"""List the known models, or load one and run one frame."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from depth_ros.cli import arguments, exit_codes
from depth_ros.errors import SettingError

if TYPE_CHECKING:
    from depth_ros.models import ModelEntry

HELP = "list the known models, or try one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "name",
        nargs="?",
        type=arguments.name,
        help="one model: name, folder, .onnx file or hub id; default: all known ones",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="all that is known, as the README's table"
    )
    parser.add_argument("--check", action="store_true", help="load it and run one frame")
    arguments.add_weights(parser)


def run(options: argparse.Namespace) -> int:
    """Print the models, what is known of one, or the report of a check."""
    from depth_ros import models, runtimes

    weights = options.weights or ""
    if options.check and not options.name:
        raise SettingError("--check is given without a name, expected the model to try")
    if options.check:
        report = models.check(
            options.name,
            weights,
            lambda model: runtimes.create(
                "auto", model.network, "cpu", "float32", model.graphs, "cpu"
            ),
        )
        print(report.text())
    elif options.markdown:
        print(models.table([models.find(options.name, weights)] if options.name else None))
    elif options.name:
        print(_facts(models.table([models.find(options.name, weights)])))
    else:
        print(_listing(models.MODELS.values()))
    return exit_codes.DONE


def _listing(entries: Iterable[ModelEntry]) -> str:
    """Return what to choose a model by, in lines that fit a terminal."""
    rows = [("model", "depth", "range", "size", "commercial use")]
    for entry in entries:
        rows.append(
            (
                entry.name,
                "metric" if entry.output.value == "metric_depth" else "relative",
                f"{entry.max_depth_m:g} m" if entry.max_depth_m else "-",
                f"{entry.parameters_m:g} M",
                "yes" if entry.commercial else "no",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    more = "`depth_ros models NAME` says more of one, `depth_ros models --markdown` of all."
    return "\n".join([*lines, "", more])


def _facts(table: str) -> str:
    """Return the row of a table of one model as lines of what and value."""
    heads, _, values = (
        [cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()
    )
    width = max(map(len, heads))
    return "\n".join(f"{head:<{width}}  {value}" for head, value in zip(heads, values, strict=True))
