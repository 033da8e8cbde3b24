"""Device operations for the measurements: synchronise, capture work, record events."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from depth_ros.runtimes.torch_runtime import choose_device

Outputs = tuple[Tensor, ...]
Work = Callable[[], Outputs]

# In the first runs libraries choose kernels and allocate memory, which must not be captured.
_WARM_UPS = 3


class Mark(Protocol):
    """An event after all work submitted so far."""

    def wait(self) -> None:
        """Wait until the device has reached it."""


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

    def staging(self, size_bytes: int) -> Tensor:
        """Return host memory, uint8, that the device can write directly."""

    def fetch(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Mark:
        """Copy from the device to host memory, pair by pair, concurrently with later work.

        Args:
            pairs: memory of staging(), and its source; the source's memory may be reused after the
                copy, and not before.

        Returns:
            an event after the copies.
        """

    def forget(self) -> None:
        """Release unused memory."""


class _CudaMark:
    def __init__(self, event: Any) -> None:
        self._event = event

    def wait(self) -> None:
        self._event.synchronize()


class Cuda:
    """An NVIDIA GPU."""

    def __init__(self, place: torch.device) -> None:
        self.place = place
        if place.index is not None:
            torch.cuda.set_device(place)
        self._copies: Any = torch.cuda.Stream(place)

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

    def staging(self, size_bytes: int) -> Tensor:
        """Return page-locked memory."""
        return torch.empty(size_bytes, dtype=torch.uint8, pin_memory=True)

    def fetch(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Mark:
        """Copy in a separate stream, after the work of the current one."""
        self._copies.wait_stream(torch.cuda.current_stream(self.place))
        with torch.cuda.stream(self._copies):
            for target, source in pairs:
                target.copy_(source, non_blocking=True)
                source.record_stream(self._copies)
            copied: Any = torch.cuda.Event()
            copied.record(self._copies)
        return _CudaMark(copied)

    def forget(self) -> None:
        """Empty the caching allocator."""
        gc.collect()
        torch.cuda.empty_cache()


class _Passed:
    def wait(self) -> None:
        pass


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

    def staging(self, size_bytes: int) -> Tensor:
        """Return pageable memory."""
        return torch.empty(size_bytes, dtype=torch.uint8)

    def fetch(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Mark:
        """Copy, and return a completed event."""
        for target, source in pairs:
            target.copy_(source)
        return _Passed()

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
