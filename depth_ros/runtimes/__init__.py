"""Runtimes, which execute a network: tensors in, tensors out, nothing about depth."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor, nn

from depth_ros.errors import ModelSettingError
from depth_ros.runtimes import heap, threads, user_cache
from depth_ros.runtimes.graph import Graph
from depth_ros.runtimes.onnx_runtime import OnnxRuntime
from depth_ros.runtimes.torch_runtime import Raw, TorchRuntime
from depth_ros.runtimes.tuning import Tuner

RUNTIMES = {"torch": TorchRuntime, "onnxruntime": OnnxRuntime}
"""Every runtime by name."""


# How torch and ONNX Runtime begin such a message. Out of memory is not a lost device: the next
# frame may have enough.
_LOST = re.compile(r"(CUDA|HIP) (error|failure)(?! 2\b)(?!.*out of memory)", re.DOTALL)


class Runtime(Protocol):
    """Executes a network, or one of its parts: tensors in, float32 tensors out."""

    @property
    def device(self) -> torch.device:
        """Device of the outputs."""

    def __call__(self, *inputs: Tensor) -> Raw:
        """Run the network."""

    def part(self, name: str) -> Runtime:
        """Return a runtime of one part of the network, by name."""


def prepare_process(device: str) -> None:
    """Tune this whole process for networks on a device. This cannot be undone.

    Only for entry points of this package's own processes: loading a model does not change the
    process of a library user. On the CPU, freed memory is kept, see heap.keep_freed_memory(), and
    OpenCV uses one thread, see threads.disable_opencv_threads(). On a GPU, the output of
    torch.compile is kept in the user's cache, unless TORCHINDUCTOR_CACHE_DIR is set: torch's
    default is /tmp, which is empty after every boot.

    Args:
        device: as the setting of this name; an unavailable device is no error here.
    """
    if device == "cpu" or not torch.cuda.is_available():
        heap.keep_freed_memory()
        threads.disable_opencv_threads()
    else:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(user_cache.folder("torchinductor")))


def is_lost(error: BaseException) -> bool:
    """Return whether an error means that this process cannot use the GPU any more.

    After an illegal access, for example, every CUDA call fails with the same error until the
    process ends. No error type covers this in all supported versions of torch and ONNX Runtime,
    so the message is searched.
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
    tuner: Tuner | None = None,
) -> Runtime:
    """Return a runtime, by name, that executes a network on a device in a precision.

    Args:
        name: torch, onnxruntime, or auto: onnxruntime if there are graphs, otherwise torch.
        network: executed by torch.
        device: see choose_device().
        dtype: the precision.
        graphs: exported graphs by part, executed by onnxruntime; empty: not exported.
        providers: of onnxruntime, see providers.choose().
        compiled, tuner: see TorchRuntime.

    Raises:
        ModelError: the runtime is unknown or cannot execute this network, the device or a provider
            is unavailable, or the precision is unknown.
    """
    if name not in ("auto", *RUNTIMES):
        raise ModelSettingError(
            f"runtime '{name}' is unknown, expected one of {', '.join(RUNTIMES)}"
        )
    if name == "torch" and graphs:
        raise ModelSettingError("runtime is torch for an .onnx file, expected onnxruntime")
    if name == "onnxruntime" and not graphs:
        raise ModelSettingError(
            "runtime onnxruntime executes .onnx files: depth_ros export MODEL OUT.onnx, then set "
            "model:=OUT.onnx"
        )
    if compiled and graphs:
        raise ModelSettingError("compile is true for an .onnx file, which is compiled already")
    if graphs:
        return OnnxRuntime(graphs, device, providers, dtype)
    return TorchRuntime(network, device, dtype, compiled, tuner)
