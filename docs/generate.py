"""Writes the parts of the reference that follow from the code; conf.py runs it at every build.

Nothing of it is committed, so that none of it can be out of date.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from depth_ros import cli, config, models
from depth_ros.cli import exit_codes

PARAMETER_GROUPS = {
    "model": "Model and runtime",
    "grin.steps": "Denoising models",
    "image.rectified": "Images and camera",
    "depth_encoding": "Node",
    "focal_correction": "Metric scale",
    "extrinsics": "Poses",
    "anchors.type": "Anchors",
    "min_depth_m": "Depth range and edges",
    "publish_points": "Points",
    "colour.map": "Depth in colour",
    "nav.range_m": "Navigation cloud and scan",
}
"""The title of each group by the name of its first parameter, in the order of config.Settings."""


DEPTH_COLUMNS = ("model", "for", "output", "range", "focal length of training", "input")


def write(folder: Path) -> None:
    """Write every part into a folder of its own."""
    folder.mkdir(exist_ok=True)
    parts = {"parameters": parameters(), "models": model_tables(), "commands": commands()}
    for name, text in parts.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text() != text:  # else Sphinx would build it anew
            path.write_text(text)


def parameters() -> str:
    """Return all parameters of the node as Markdown, a table for each group."""
    starts = [*map([*config.SPECS].index, PARAMETER_GROUPS), len(config.SPECS)]
    assert starts == sorted(starts) and starts[0] == 0, "PARAMETER_GROUPS differ from config"
    specs = [*config.SPECS.values()]
    tables = [config.to_markdown(specs[begin:end]) for begin, end in pairwise(starts)]
    titled = zip(PARAMETER_GROUPS.values(), tables, strict=True)
    return "\n".join(f"## {title}\n\n{table}" for title, table in titled)


def model_tables() -> str:
    """Return all models as Markdown: what their depth is, then all else, of their weights."""
    head, _, *rows = (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in models.table().splitlines()
    )
    named = [[f"`{name}`", *values] for name, *values in rows]
    others = ("model", *(name for name in head if name not in DEPTH_COLUMNS))
    tables = [_columns(head, named, chosen) for chosen in (DEPTH_COLUMNS, others)]
    return "## Depth\n\n{}\n\n## Weights\n\n{}\n".format(*tables)


def _columns(head: list[str], rows: list[list[str]], chosen: Sequence[str]) -> str:
    cells = [[row[head.index(name)] for name in chosen] for row in rows]
    lines = [chosen, ["---"] * len(chosen), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def commands() -> str:
    """Return the help of every command as Markdown."""
    parts = [f"## {cli.name(verb)}\n\n```text\n{_help(verb)}```\n" for verb in cli.VERBS]
    return "\n".join([*parts, "## Exit codes\n", str(exit_codes.__doc__)])


def _help(verb: ModuleType) -> str:
    parser = argparse.ArgumentParser(
        prog=f"depth_ros {cli.name(verb)}", description=verb.__doc__, formatter_class=_Lines
    )
    verb.add_arguments(parser)
    return parser.format_help()


class _Lines(argparse.HelpFormatter):
    """Lines as wide as a page, whatever the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=82)
