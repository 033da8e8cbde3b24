"""Device operations for the measurements: synchronise, and capture work."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from depth_ros.runtimes.torch_runtime import choose_device

Outputs = tuple[Tensor, ...]
Work = Callable[[], Outputs]

# In the first runs libraries choose kernels and allocate memory, which must not be captured.
_WARM_UPS = 3


class Device(Protocol):
    """A device to measure on.

    Attributes:
        place: its torch.device.
    """

    place: torch.device

    def synchronise(self) -> None:
        """Wait until all submitted work is done."""

    def capture(self, work: Work) -> Work:
        """Return a function that repeats work as one launch, into the same outputs."""

    def forget(self) -> None:
        """Release unused memory."""


class Cuda:
    """An NVIDIA GPU."""

    def __init__(self, place: torch.device) -> None:
        self.place = place
        if place.index is not None:
            torch.cuda.set_device(place)

    def synchronise(self) -> None:
        """Wait for all streams."""
        torch.cuda.synchronize(self.place)

    def capture(self, work: Work) -> Work:
        """Capture work as one CUDA graph, after some runs of it on a side stream."""
        side: Any = torch.cuda.Stream(self.place)
        side.wait_stream(torch.cuda.current_stream(self.place))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                work()
        torch.cuda.current_stream(self.place).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # Other threads, such as those that pin memory, may use the device at the same time.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = work()

        def replay() -> Outputs:
            graph.replay()
            return outputs

        return replay

    def forget(self) -> None:
        """Empty the caching allocator."""
        gc.collect()
        torch.cuda.empty_cache()


class Host:
    """The CPU, to test the measurements without a GPU; calls are synchronous.

    Captured work is run again, into the outputs of the first time, like a graph.
    """

    def __init__(self, place: torch.device) -> None:
        self.place = place

    def synchronise(self) -> None:
        """Do nothing."""

    def capture(self, work: Work) -> Work:
        """Keep the outputs of the first run for all later ones."""
        outputs = tuple(each.clone() for each in work())

        @torch.inference_mode()
        def replay() -> Outputs:
            for kept, new in zip(outputs, work(), strict=True):
                kept.copy_(new)
            return outputs

        return replay

    def forget(self) -> None:
        """Collect reference cycles."""
        gc.collect()


def find(name: str) -> Device:
    """Return a device by its name: auto, cpu, cuda or cuda:N.

    Raises:
        ModelError: it is unknown or unavailable.
    """
    place = choose_device(name)
    return Cuda(place) if place.type == "cuda" else Host(place)
