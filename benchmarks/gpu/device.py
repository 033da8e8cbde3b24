"""What the measurements ask of a device: to wait for it, to capture work, to mark its progress."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from depth_ros.runtimes.torch_runtime import choose_device

Outputs = tuple[Tensor, ...]
Work = Callable[[], Outputs]

# Libraries choose kernels and allocate in the first runs, which must not be captured.
_WARM_UPS = 3


class Mark(Protocol):
    """A place behind all work that a device was asked for so far."""

    def wait(self) -> None:
        """Return when the device has come to it."""


class Device(Protocol):
    """A device to measure on.

    Attributes:
        place: torch's own name of it.
    """

    place: torch.device

    def synchronise(self) -> None:
        """Return when it has done all that it was asked for."""

    def capture(self, work: Work) -> Work:
        """Return what repeats work at once, into the same outputs every time."""

    def staging(self, size_bytes: int) -> Tensor:
        """Return memory of the host, uint8, that the device writes by itself."""

    def fetch(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Mark:
        """Copy from the device into the host's memory, pair by pair, beside what comes after.

        Args:
            pairs: memory of staging(), and what is to be written there; the device may use its
                memory for something else as soon as the copy is done, and not before.

        Returns:
            a mark behind the copies.
        """

    def forget(self) -> None:
        """Give back the memory that nothing holds any more."""


class _CudaMark:
    def __init__(self, event: Any) -> None:
        self._event = event

    def wait(self) -> None:
        self._event.synchronize()


class Cuda:
    """A GPU of NVIDIA."""

    def __init__(self, place: torch.device) -> None:
        self.place = place
        if place.index is not None:
            torch.cuda.set_device(place)
        self._copies: Any = torch.cuda.Stream(place)

    def synchronise(self) -> None:
        """Wait for all streams."""
        torch.cuda.synchronize(self.place)

    def capture(self, work: Work) -> Work:
        """Capture work as one CUDA graph, after some runs of it on a stream beside the main one."""
        side: Any = torch.cuda.Stream(self.place)
        side.wait_stream(torch.cuda.current_stream(self.place))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                work()
        torch.cuda.current_stream(self.place).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # Other threads, such as those that pin memory, may use the device meanwhile.
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
        """Copy in a stream of its own, behind what the current one was asked for."""
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
    """The CPU, to try the measurements without a GPU: what a call asks for is done when it returns.

    What it captures it runs again, into the outputs of the first time, as a graph would.
    """

    def __init__(self, place: torch.device) -> None:
        self.place = place

    def synchronise(self) -> None:
        """Return at once."""

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
        """Return plain memory."""
        return torch.empty(size_bytes, dtype=torch.uint8)

    def fetch(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Mark:
        """Copy, and return a mark that is passed."""
        for target, source in pairs:
            target.copy_(source)
        return _Passed()

    def forget(self) -> None:
        """Let go what only cycles hold."""
        gc.collect()


def find(name: str) -> Device:
    """Return a device by its name: auto, cpu, cuda or cuda:N.

    Raises:
        ModelError: it is unknown or not there.
    """
    place = choose_device(name)
    return Cuda(place) if place.type == "cuda" else Host(place)
