"""What executes a network: tensors in, tensors out, nothing about depth."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor, nn

from depth_ros.errors import ModelError
from depth_ros.runtimes import heap, threads, user_cache
from depth_ros.runtimes.graph import Graph
from depth_ros.runtimes.onnx_runtime import OnnxRuntime
from depth_ros.runtimes.torch_runtime import Raw, TorchRuntime

RUNTIMES = {"torch": TorchRuntime, "onnxruntime": OnnxRuntime}
"""Every runtime by name."""


# As torch and ONNX Runtime begin it; memory that is short may be there again for the next frame.
_LOST = re.compile(r"(CUDA|HIP) (error|failure)(?! 2\b)(?!.*out of memory)", re.DOTALL)


class Runtime(Protocol):
    """What executes a network, or one of its parts: tensors in, float32 tensors out."""

    @property
    def device(self) -> torch.device:
        """Where outputs are."""

    def __call__(self, *inputs: Tensor) -> Raw:
        """Run it."""

    def part(self, name: str) -> Runtime:
        """Return what runs the network's part of this name alone."""


def prepare_process(device: str) -> None:
    """Tune this whole process for networks on a device; it is not undone.

    For the entry points of processes that are this package's own alone: loading a model changes
    nothing of the process that it is loaded in. On the CPU, freed memory is kept, see heap.keep(),
    and OpenCV leaves the cores to torch, see threads.only_torchs(). On a GPU, what torch.compile
    made is kept in the user's cache, unless TORCHINDUCTOR_CACHE_DIR says where: else it lies in
    /tmp, and is made again after every start of the machine.

    Args:
        device: as the setting of this name; one that is not there is no error here.
    """
    if device == "cpu" or not torch.cuda.is_available():
        heap.keep()
        threads.only_torchs()
    else:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(user_cache.folder("torchinductor")))


def is_lost(error: BaseException) -> bool:
    """Return whether an error says that a GPU is lost to this process, such as an illegal access.

    CUDA then answers whatever it is asked for with the same error, until the process ends. Neither
    torch nor ONNX Runtime has had one type for it in all versions that are supported.
    """
    return _LOST.search(str(error)) is not None


def create(
    name: str,
    network: nn.Module,
    device: str,
    dtype: str,
    graphs: Mapping[str, Graph] = MappingProxyType({}),
    providers: str = "auto",
    compiled: bool = False,
) -> Runtime:
    """Return a runtime, by name, that executes a network on a device in a precision.

    Args:
        name: auto: onnxruntime for graphs, torch for others.
        network: what torch executes.
        device: see choose_device().
        dtype: the precision.
        graphs: what onnxruntime executes, by part; none: the network was not exported.
        providers: of onnxruntime, see providers.choose().
        compiled: see TorchRuntime.

    Raises:
        ModelError: the runtime is unknown or cannot execute this network, the device or a provider
            is not there, or the precision unknown.
    """
    if name not in ("auto", *RUNTIMES):
        raise ModelError(f"runtime '{name}' is unknown, expected one of {', '.join(RUNTIMES)}")
    if name == "torch" and graphs:
        raise ModelError("runtime torch was asked for of an .onnx file, expected onnxruntime")
    if name == "onnxruntime" and not graphs:
        raise ModelError(
            "runtime onnxruntime executes .onnx files: depth_ros export MODEL OUT.onnx, then say "
            "model:=OUT.onnx"
        )
    if compiled and graphs:
        raise ModelError("compile was asked for of an .onnx file, which is compiled already")
    if graphs:
        return OnnxRuntime(graphs, device, providers, dtype)
    return TorchRuntime(network, device, dtype, compiled)
