"""Write a part of a network as an ONNX graph."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from depth_ros.errors import ModelError
from depth_ros.export.part import Part
from depth_ros.models.base import Raw

_NOISY = ("torch.onnx", "torch._guards", "torch._dynamo", "onnxscript", "onnx_ir", "transformers")


class Float32Ends(nn.Module):
    """A network of any precision that takes and returns float32."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network.to(dtype)
        # Such a network casts to lower precision itself.
        self.dtype = torch.float32 if getattr(network, "casts_itself", False) else dtype

    def forward(self, *inputs: Tensor) -> Raw:
        """Return the network's output in float32."""
        output: Raw = self.network(*(each.to(self.dtype) for each in inputs))
        if isinstance(output, tuple):
            return tuple(each.float() for each in output)
        return output.float()


def check_installed() -> None:
    """Check that the libraries for an export are installed.

    Raises:
        ModelError: one is not installed.
    """
    try:
        importlib.import_module("onnx")
        importlib.import_module("onnxscript")
    except ImportError as error:
        raise ModelError(
            f"export needs onnx and onnxscript ({error}): pip install onnx onnxscript"
        ) from error


def write(part: Part, path: Path, dtype: torch.dtype) -> None:
    """Write a part of a network as an ONNX graph.

    Raises:
        ModelError: the network cannot be exported.
    """
    network = Float32Ends(part.network, dtype).eval().requires_grad_(False)
    try:
        with _quiet():
            _use_eager_attention(network)
            program: Any = torch.onnx.export(
                _exported(network, part),
                input_names=list(part.inputs),
                output_names=list(part.outputs),
                dynamo=True,
                verbose=False,
            )
            program.save(path)
    except Exception as error:  # torch and onnxscript have many error types
        reason = str(error).strip().split("\n\n")[0]
        raise ModelError(f"this network cannot be exported with these options: {reason}") from error


def _use_eager_attention(network: nn.Module) -> None:
    """Make transformers' attention use plain operators, which ONNX supports."""
    from transformers import PreTrainedModel

    for module in network.modules():
        if isinstance(module, PreTrainedModel):
            module.set_attn_implementation("eager")


def _exported(network: nn.Module, part: Part) -> Any:
    """Return the network as traced by torch.

    With dynamic sizes, in strict mode: the other mode treats int() of a size as a constant. With
    fixed sizes, in the other mode, the only one that supports transformers' context managers.
    """
    is_dynamic = any(axis > 1 for dims in part.open for axis in dims)
    return torch.export.export(
        network,
        tuple(part.inputs.values()),
        dynamic_shapes=(tuple(dict(dims) for dims in part.open),),
        strict=is_dynamic,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings during the export; errors are raised."""
    levels = {name: logging.getLogger(name).level for name in _NOISY}
    try:
        for name in levels:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
