"""A network, or a part of one, in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Graph:
    """A network, or a part of one, in a file of ONNX.

    Attributes:
        path: of the file.
        sha256: of the graph in it, its weights included and its metadata left out.
        precision: of its weights and activations: float32, float16 or int8.
        inputs: their names and shapes, in order; None stands for any length. All are float32.
        numbers: whole numbers that it takes beside them, by name, the same in every run.
    """

    path: Path
    sha256: str
    precision: str
    inputs: tuple[tuple[str, tuple[int | None, ...]], ...]
    numbers: Mapping[str, int] = field(default_factory=dict)
