"""Scores of several models as a text table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from depth_ros.evaluation.alignment import Alignment
from depth_ros.evaluation.protocols import Protocol
from depth_ros.evaluation.run import ImageScores, ModelScores


class Column(NamedTuple):
    """How to show a number of ModelScores.summary, and whether larger is better."""

    title: str
    digits: int
    more_is_better: bool
    meaning: str


COLUMNS = {
    "abs_rel": Column("AbsRel", 3, False, "mean |d - g| / g"),
    "delta1": Column("delta1", 3, True, "share with max(d/g, g/d) below 1.25"),
    "rmse_m": Column("RMSE m", 3, False, "root mean square of d - g"),
    "sq_rel_m": Column("SqRel m", 3, False, "mean (d - g)² / g"),
    "rmse_log": Column("RMSElog", 3, False, "root mean square of ln d - ln g"),
    "log10": Column("log10", 3, False, "mean |log10 d - log10 g|"),
    "silog": Column("SILog", 2, False, "100 x standard deviation of ln d - ln g"),
    "delta2": Column("delta2", 3, True, "share below 1.25²"),
    "delta3": Column("delta3", 3, True, "share below 1.25³"),
    "boundary_f1": Column("edge F1", 3, True, "boundary F1 of Depth Pro"),
    "tae": Column("TAE %", 2, False, "temporal alignment error"),
    "coverage": Column("covered", 3, True, "share of truth with an estimate"),
    "frames_per_s": Column("frames/s", 1, True, "of the whole pipeline"),
}
"""All scores of a model, in display order."""


@dataclass(frozen=True)
class EvaluationReport:
    """Scores of several models by one protocol."""

    protocol: Protocol
    align: Alignment
    results: Sequence[ModelScores]

    @property
    def title(self) -> str:
        """Protocol, number of images, alignment and devices, in one line."""
        devices = ", ".join(sorted({result.device for result in self.results}))
        images = max(len(result.images) for result in self.results)
        return f"{self.protocol.name}: {images} images, alignment {self.align.value}, on {devices}"

    def shown(self) -> dict[str, Column]:
        """Return the columns that have a number for at least one model."""
        summaries = [result.summary() for result in self.results]
        return {
            name: column
            for name, column in COLUMNS.items()
            if any(not math.isnan(summary[name]) for summary in summaries)
        }

    def best(self) -> dict[str, float]:
        """Return the best number of every shown column."""
        summaries = [result.summary() for result in self.results]
        return {
            name: (max if column.more_is_better else min)(
                summary[name] for summary in summaries if not math.isnan(summary[name])
            )
            for name, column in self.shown().items()
        }


def number(value: float, column: Column) -> str:
    """Return a number in a column's format."""
    return "-" if math.isnan(value) else f"{value:.{column.digits}f}"


def table(report: EvaluationReport) -> str:
    """Return a text table with one line per model."""
    columns = report.shown()
    rows = [["model", *(column.title for column in columns.values())]]
    for result in report.results:
        summary = result.summary()
        cells = [number(summary[name], column) for name, column in columns.items()]
        rows.append([result.model, *cells])
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(cells: list[str], widths: list[int]) -> str:
    name, *numbers = cells
    padded = (cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))
    return "  ".join([name.ljust(widths[0]), *padded])


def save_json(report: EvaluationReport, path: Path) -> None:
    """Write all scores of models and images as JSON; null if there is none."""
    protocol = report.protocol
    content = {
        "protocol": protocol.name,
        "note": protocol.note,
        "align": report.align.value,
        "crop": protocol.crop,
        "near_m": protocol.near_m,
        "far_m": _or_null(protocol.far_m),
        "models": [
            {
                "model": result.model,
                "device": result.device,
                "mean": {name: _or_null(value) for name, value in result.summary().items()},
                "images": [_image(image) for image in result.images],
            }
            for result in report.results
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False))


def flat(image: ImageScores) -> dict[str, float]:
    """Return an image's scores by the names of COLUMNS."""
    extra = {"boundary_f1": image.boundary_f1, "coverage": image.coverage, "tae": image.tae}
    return {**image.scores._asdict(), **extra}


def _image(image: ImageScores) -> dict[str, Any]:
    numbers = {name: _or_null(value) for name, value in flat(image).items()}
    return {"name": image.name, "clip": image.clip, **numbers}


def _or_null(value: float) -> float | None:
    return value if math.isfinite(value) else None
