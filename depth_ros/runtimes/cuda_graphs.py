"""What capture.py needs of a device, by torch.cuda."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch

from depth_ros.runtimes.watch import Watch

T = TypeVar("T")


class Cuda:
    """A CUDA device that captures; one object for each device, see of()."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._streams = device, threading.local()
        self._graphs: weakref.WeakSet[CudaGraph] = weakref.WeakSet()
        self.lock = threading.RLock()
        self.order = Mark(device)

    def aside(self) -> Any:
        """Work on this thread's side stream.

        It is the one that is captured: cuBLAS's workspace of a stream is made before, and not in
        the graph's pool.
        """
        return self._beside(self.side)

    @property
    def side(self) -> torch.cuda.Stream:
        """This thread's own stream for captures."""
        if not hasattr(self._streams, "side"):
            self._streams.side = torch.cuda.Stream(self._device)
        side: torch.cuda.Stream = self._streams.side
        return side

    @contextmanager
    def _beside(self, side: torch.cuda.Stream) -> Iterator[None]:
        current = torch.cuda.current_stream(self._device)
        side.wait_stream(current)
        with torch.cuda.stream(side):
            yield
        current.wait_stream(side)

    def watch(self) -> Watch:
        """Return what notes a function's constants."""
        return Watch(self._device)

    def graph(self) -> CudaGraph:
        """Return an empty graph."""
        graph = CudaGraph(self)
        self._graphs.add(graph)
        return graph

    def pool(self) -> Any:
        """Return the memory pool of the graphs that are; None: there are none.

        A pool whose last graph is gone must not be used again, says torch's allocator.
        """
        return next((each.pool for each in self._graphs if each.pool is not None), None)

    def settle(self) -> None:
        """Wait until the device has done all that it was asked for."""
        torch.cuda.synchronize(self._device)


class Mark:
    """A torch.cuda.Event in the current stream of one device, whichever device is current."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._event = device, torch.cuda.Event()

    def record(self) -> None:
        """Set it behind what the current stream was asked for so far."""
        self._event.record(torch.cuda.current_stream(self._device))

    def wait(self) -> None:
        """Let the current stream wait for it."""
        self._event.wait(torch.cuda.current_stream(self._device))

    def synchronize(self) -> None:
        """Let the host wait for it."""
        self._event.synchronize()


class CudaGraph:
    """A torch.cuda.CUDAGraph in the pool of its device's others."""

    def __init__(self, machine: Cuda) -> None:
        self._machine, self._graph = machine, torch.cuda.CUDAGraph()
        self.pool: Any = None

    def capture(self, run: Callable[[], T]) -> T:
        """Capture; other threads may use the device meanwhile."""
        pool, side = self._machine.pool(), self._machine.side
        capturing = torch.cuda.graph(
            self._graph, pool=pool, stream=side, capture_error_mode="thread_local"
        )
        with capturing:
            made = run()
        self.pool = self._graph.pool()
        return made

    def replay(self) -> None:
        """Ask the current stream for its work."""
        self._graph.replay()

    def reset(self) -> None:
        """Give its memory back to the pool."""
        self.pool = None
        self._graph.reset()


def of(device: torch.device) -> Cuda | None:
    """Return what captures on a device, the same at every call; None: it cannot."""
    if device.type != "cuda":
        return None
    return _of(torch.cuda.current_device() if device.index is None else device.index)


@cache
def _of(index: int) -> Cuda:
    return Cuda(torch.device("cuda", index))
