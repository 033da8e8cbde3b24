"""Run a network in torch, on a given device and in a given precision."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from depth_ros.errors import ModelError, ModelSettingError
from depth_ros.runtimes.tuning import Tuner

Raw = Tensor | tuple[Tensor, ...]
"""What a network returns: one map, or a map and further outputs for each image."""

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def choose_device(name: str) -> torch.device:
    """Return the device of a name: auto, cpu, cuda or cuda:N.

    auto is CUDA if a GPU is usable, otherwise the CPU. There is no fallback for other names.

    Raises:
        ModelError: the name is not a device, or that device is unavailable.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    unknown = ModelSettingError(f"device is '{name}', expected auto, cpu, cuda or cuda:N")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise unknown from error
    if device.type not in ("cpu", "cuda"):
        raise unknown
    present = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= present:
        raise ModelError(
            f"device '{name}' is unavailable, torch {torch.__version__} finds {present} CUDA "
            "devices; install a CUDA build of torch and a driver, or set device:=cpu"
        )
    return device


class TorchRuntime:
    """Executes a network without gradients.

    Args:
        network: called with input batches in the runtime's precision. If its attribute
            `casts_itself` is true, it gets float32 and casts to lower precision itself.
        device, dtype: device and precision, by name.
        compiled: whether to use torch.compile, once for every shape of input.
        tuner: finds how the network runs fastest on a GPU; None: nothing is measured.

    Raises:
        ModelError: the device is unavailable or the precision unknown.
    """

    def __init__(
        self,
        network: nn.Module,
        device: str = "auto",
        dtype: str = "float32",
        compiled: bool = False,
        tuner: Tuner | None = None,
    ) -> None:
        if dtype not in DTYPES:
            raise ModelSettingError(f"dtype is '{dtype}', expected one of {', '.join(DTYPES)}")
        self.device = choose_device(device)
        self.dtype = DTYPES[dtype]
        self._options, self.tuner = (device, dtype, compiled, tuner), tuner
        self._network = self._placed(network).eval().requires_grad_(False)
        exact = getattr(network, "casts_itself", False)
        self._input_dtype = torch.float32 if exact else self.dtype
        self._parts: dict[str, TorchRuntime] = {}
        # Not reduce-overhead: that mode captures its own graphs, but we capture whole frames.
        self._run = torch.compile(self._network, dynamic=False) if compiled else self._network

    @torch.inference_mode()
    def __call__(self, *inputs: Tensor) -> Raw:
        """Return the network's float32 output, or outputs, for input batches on any device.

        Raises:
            ModelError: the network cannot be compiled.
        """
        given = tuple(each.to(self.device, self._input_dtype) for each in inputs)
        tuned = self.tuner.running(self._network, given) if self.tuner else nullcontext()
        try:
            with tuned:
                output: Raw = self._run(*given)
        except Exception as error:
            if self._run is not self._network and _is_of_compiler(error):
                reason = " ".join(str(error).split("\n\n")[0].split())
                raise ModelError(f"torch.compile failed, set compile:=false: {reason}") from error
            raise
        if isinstance(output, tuple):
            return tuple(part.to(torch.float32) for part in output)
        return output.to(torch.float32)

    def part(self, name: str) -> TorchRuntime:
        """Return a runtime of the network's submodule of this name."""
        if name not in self._parts:
            part = TorchRuntime(getattr(self._network, name), *self._options)
            self._parts.setdefault(name, part)
        return self._parts[name]

    def _placed(self, network: nn.Module) -> nn.Module:
        """Move a network to the device; on the CPU, to the layout that is fastest there.

        See python -m benchmarks.cpu.
        """
        network = network.to(self.device, self.dtype)
        if self.device.type == "cpu":
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network


def _is_of_compiler(error: Exception) -> bool:
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))
