"""Graphs in int8: what goes through them is measured on images, their weights are rounded."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depth_ros.errors import ModelError
from depth_ros.models.base import Executor, Raw

_OPERATORS = ["Conv", "MatMul", "Gemm"]


class Recorder:
    """An executor that notes what the parts of a network are called with.

    Args:
        execute: does the work.
        names: of the inputs of each part.
    """

    def __init__(self, execute: Executor, names: Mapping[str, list[str]], part: str = "") -> None:
        self._execute, self._names, self._part = execute, names, part
        self.seen: dict[str, list[dict[str, Any]]] = defaultdict(list)

    @property
    def device(self) -> torch.device:
        """Where outputs are."""
        return self._execute.device

    def __call__(self, *inputs: Tensor) -> Raw:
        """Run it, and note the inputs."""
        arrays = (each.cpu().contiguous().numpy() for each in inputs)
        named = dict(zip(self._names[self._part], arrays, strict=True))
        self.seen[self._part].append(named)
        return self._execute(*inputs)

    def part(self, name: str) -> Recorder:
        """Return what does the same for a part; its notes are in the same book."""
        other = Recorder(self._execute.part(name), self._names, name)
        other.seen = self.seen
        return other


def quantise(path: Path, inputs: list[dict[str, Any]], out: Path) -> None:
    """Write a graph's int8 version.

    Weights are rounded per channel, activations by the range that they had for the inputs; both are
    signed and symmetric, which TensorRT wants and the CPU can do.

    Args:
        path: of the graph in float32.
        inputs: by name, of every run to measure.
        out: of the graph in int8.

    Raises:
        ModelError: the graph cannot be quantised.
    """
    from onnxruntime import quantization as q

    class Reader(q.CalibrationDataReader):  # type: ignore[misc]  # a class without types
        def __init__(self) -> None:
            self._runs: Iterator[dict[str, Any]] = iter(inputs)

        def get_next(self) -> dict[str, Any] | None:
            return next(self._runs, None)

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises to optimise first, by what not every graph survives
    try:
        q.quantize_static(
            path,
            out,
            Reader(),
            quant_format=q.QuantFormat.QDQ,
            op_types_to_quantize=_OPERATORS,
            per_channel=True,
            activation_type=q.QuantType.QInt8,
            weight_type=q.QuantType.QInt8,
            extra_options={"ActivationSymmetric": True, "WeightSymmetric": True},
        )
    except Exception as error:  # onnx and onnxruntime raise what they like
        raise ModelError(f"this network cannot be quantised: {error}") from error
    finally:
        root.setLevel(level)
