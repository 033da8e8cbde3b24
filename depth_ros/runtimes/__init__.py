"""What executes a network: tensors in, tensors out, nothing about depth."""

from __future__ import annotations

from torch import nn

from depth_ros.errors import ModelError
from depth_ros.runtimes.torch_runtime import TorchRuntime

RUNTIMES = {"torch": TorchRuntime}
"""Every runtime by name."""


def create(name: str, network: nn.Module, device: str, dtype: str) -> TorchRuntime:
    """Return a runtime, by name, that executes a network on a device in a precision.

    Raises:
        ModelError: the runtime is unknown, the device not there, or the precision unknown.
    """
    if name not in RUNTIMES:
        raise ModelError(f"runtime '{name}' is unknown, expected one of {', '.join(RUNTIMES)}")
    return RUNTIMES[name](network, device, dtype)
