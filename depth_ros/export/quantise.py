"""Static quantisation of graphs to int8, calibrated on images."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depth_ros.errors import ModelError
from depth_ros.models.base import Executor, Raw

_OPERATORS = ["Conv", "MatMul", "Gemm"]


class Recorder:
    """An executor that records the inputs of the parts of a network.

    Args:
        execute: runs the network.
        names: of the inputs of each part.
    """

    def __init__(self, execute: Executor, names: Mapping[str, list[str]], part: str = "") -> None:
        self._execute, self._names, self._part = execute, names, part
        self.inputs: dict[str, list[dict[str, Any]]] = defaultdict(list)

    @property
    def device(self) -> torch.device:
        """Device of the outputs."""
        return self._execute.device

    def __call__(self, *inputs: Tensor) -> Raw:
        """Run the network, and record the inputs."""
        arrays = (each.cpu().contiguous().numpy() for each in inputs)
        named = dict(zip(self._names[self._part], arrays, strict=True))
        self.inputs[self._part].append(named)
        return self._execute(*inputs)

    def part(self, name: str) -> Recorder:
        """Return a recorder of one part; its records are added to this one's."""
        other = Recorder(self._execute.part(name), self._names, name)
        other.inputs = self.inputs
        return other


def quantise(path: Path, inputs: list[dict[str, Any]], out: Path) -> None:
    """Write the int8 version of a graph.

    Weights are quantised per channel, activations by their range for the inputs. Both are signed
    and symmetric, which TensorRT requires and the CPU supports.

    Args:
        path: of the graph in float32.
        inputs: by name, of every calibration run.
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

    try:
        with _without_advice():
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
    except Exception as error:  # onnx and onnxruntime have many error types
        raise ModelError(f"this network cannot be quantised: {error}") from error


@contextmanager
def _without_advice() -> Iterator[None]:
    """Log errors only: onnxruntime advises an optimisation first that fails for some graphs."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
