"""List the known models, load one and run one frame, or convert pickled weights to safetensors."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from depth_ros.cli import arguments, exit_codes
from depth_ros.errors import SettingError

if TYPE_CHECKING:
    from depth_ros.models import Device, ModelEntry

HELP = "list the known models, or try one"

_LEGEND = (
    "range: of metric depth; -: relative, metric by scale.mode ground or anchors;\n"
    "sale: commercial use is allowed; CPU, GPU: time of a frame of 640x480, measured."
)
_DEVICES: dict[str, Device] = {"CPU": "cpu", "GPU": "cuda"}
_MORE = "Details: `depth_ros models NAME` for one, `depth_ros models --markdown` for all."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "name",
        nargs="?",
        type=arguments.name,
        help="one model: name, folder, .onnx file or hub id; default: list all",
    )
    parser.add_argument("--markdown", action="store_true", help="everything, as a Markdown table")
    parser.add_argument("--check", action="store_true", help="load the model and run one frame")
    parser.add_argument(
        "--convert",
        type=arguments.path,
        metavar="OUT",
        help="new folder: write the model's pickled weights there as safetensors; default: none",
    )
    parser.add_argument(
        "--for",
        dest="place",
        choices=("indoor", "outdoor", "any"),
        help="list only models for this environment; default: any",
    )
    parser.add_argument(
        "--commercial",
        action="store_true",
        help="list only models whose licence allows commercial use",
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        help="list models for live use on it, the fastest measured ones first, then by size; "
        "cpu: small ones only; default: any",
    )
    arguments.add_weights(parser)


def run(options: argparse.Namespace) -> int:
    """Print all models, facts about one, or the result of a check or a conversion."""
    from depth_ros import models

    _refuse_contradictions(options)
    weights = options.weights or ""
    if options.convert:
        print(_convert(options.name, weights, options.convert))
    elif options.check:
        print(_check(options.name, weights))
    elif options.name:
        row = models.table([models.find(options.name, weights)])
        print(row if options.markdown else _facts(row))
    else:
        chosen = models.select(options.place or "any", options.commercial, options.device)
        print(models.table(chosen) if options.markdown else _listing(chosen))
    return exit_codes.DONE


def _refuse_contradictions(options: argparse.Namespace) -> None:
    if options.name is None and (options.check or options.convert):
        verb = "--check" if options.check else "--convert"
        raise SettingError(f"{verb} needs the name of a model")
    if options.name and (options.place or options.commercial or options.device):
        raise SettingError(
            "--for, --commercial and --device filter the list, expected no model name"
        )


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
    return f"{out}: safetensors of {entry.source}, licence {entry.licence}; use it with {use}"


def _listing(entries: Iterable[ModelEntry]) -> str:
    """Return the list of models, in lines that fit a terminal."""
    from depth_ros import models

    rows = [("model", "for", "range", "memory", "CPU", "GPU", "sale")]
    for entry in entries:
        rows.append(
            (
                entry.name,
                entry.place,
                _depth(entry),
                models.memory(entry).replace(" ", ""),
                models.frame_ms(entry, "cpu").replace(" ", ""),
                models.frame_ms(entry, "cuda").replace(" ", ""),
                "yes" if entry.commercial else "no",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        " ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    took = [f"{head}: {models.HARDWARE[device]}." for head, device in _DEVICES.items()]
    return "\n".join([*lines, "", _LEGEND, *took, _MORE])


def _depth(entry: ModelEntry) -> str:
    """Return the range of metric depth, metric if it is unknown; -: depth is relative."""
    if entry.output.value != "metric_depth":
        return "-"
    return f"{entry.max_depth_m:g} m" if entry.max_depth_m else "metric"


def _facts(table: str) -> str:
    """Return a table of one model as lines of name and value."""
    heads, _, values = (
        [cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()
    )
    width = max(map(len, heads))
    return "\n".join(f"{head:<{width}}  {value}" for head, value in zip(heads, values, strict=True))
