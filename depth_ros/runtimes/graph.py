"""A network, or a part of one, in an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Graph:
    """A network, or a part of one, in an ONNX file.

    Attributes:
        path: of the file.
        sha256: of the graph and its weights, without the metadata.
        precision: of its weights and activations: float32, float16 or int8.
        inputs: their names and shapes, in order; None: any length. All are float32.
        numbers: whole numbers that it takes in addition, by name, the same in every run.
    """

    path: Path
    sha256: str
    precision: str
    inputs: tuple[tuple[str, tuple[int | None, ...]], ...]
    numbers: Mapping[str, int] = field(default_factory=dict)
