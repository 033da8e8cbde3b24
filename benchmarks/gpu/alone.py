"""The network alone, without any other work of a frame."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.gpu.device import Device, Outputs, Work
from depth_ros.models import DepthModel, Prediction
from depth_ros.models.base import Raw, Request
from depth_ros.runtimes.tuning import Tuner

EAGER, CAPTURED, COMPILED = "eager", "captured", "compiled"


class _Noting:
    """Executes a network eagerly, and records its parts with their inputs, in order."""

    def __init__(
        self, network: Any, device: torch.device, calls: list[tuple[nn.Module, Outputs]]
    ) -> None:
        self.device = device
        self._network, self._calls = network, calls

    def __call__(self, *inputs: Tensor) -> Raw:
        exact = getattr(self._network, "casts_itself", False)
        dtype = torch.float32 if exact else next(self._network.parameters()).dtype
        given = tuple(each.to(self.device, dtype, copy=True) for each in inputs)
        self._calls.append((self._network, given))
        raw = self._network(*given)
        if isinstance(raw, tuple):
            return tuple(each.float() for each in raw)
        return raw.float()  # type: ignore[no-any-return]

    def part(self, name: str) -> _Noting:
        return _Noting(getattr(self._network, name), self.device, self._calls)


class Alone:
    """A model's network on the inputs of one frame, prepared once.

    Args:
        model: its network is on the device, in its precision.
        device: the device.
        rgb: uint8 (1, H, W, 3) on the device.
        request: of the model.
        tuner: of the pipeline that it is compared with; None: the network runs as it is.

    Attributes:
        prediction: the model's prediction for the frame, by the network run eagerly.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: DepthModel,
        device: Device,
        rgb: Tensor,
        request: Request,
        tuner: Tuner | None = None,
    ) -> None:
        self._device, self._tuner = device, tuner
        self._calls: list[tuple[nn.Module, Outputs]] = []
        noting = _Noting(model.network, device.place, self._calls)
        self.prediction: Prediction = model.infer(noting, rgb, request)

    def work(self, way: str) -> Work:
        """Return a function that runs the network: EAGER, CAPTURED or COMPILED (also captured).

        Raises:
            Exception: torch cannot do this with the network.
        """
        if way == EAGER:
            return self._eager
        if way == CAPTURED:
            return self._captured(self._eager)
        return self._captured(self._compiled())

    @torch.inference_mode()
    def _captured(self, work: Work) -> Work:
        work()  # one-time work, such as tables for a size, is not a part of the graph
        return self._device.capture(work)

    @torch.inference_mode()
    def _eager(self) -> Outputs:
        return self._run([network for network, _ in self._calls])

    def _compiled(self) -> Work:
        compiled: dict[int, Callable[..., Any]] = {}
        for network, _ in self._calls:
            if id(network) not in compiled:
                compiled[id(network)] = torch.compile(network, dynamic=False)
        networks = [compiled[id(network)] for network, _ in self._calls]
        return torch.inference_mode()(lambda: self._run(networks))

    def _run(self, networks: list[Any]) -> Outputs:
        """Run networks, or what they were compiled to, in order; return the last output."""
        raw: Raw = ()
        for network, (plain, inputs) in zip(networks, self._calls, strict=True):
            with self._tuner.running(plain, inputs) if self._tuner else nullcontext():
                raw = network(*inputs)
        return raw if isinstance(raw, tuple) else (raw,)
