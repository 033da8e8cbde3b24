"""capture.py's CaptureDevice, Event and Graph, implemented with torch.cuda."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch

from depth_ros.runtimes.capture_check import CaptureCheck

T = TypeVar("T")


class CudaDevice:
    """A CUDA device that can capture graphs; one object for each device, see of()."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._streams = device, threading.local()
        self._graphs: weakref.WeakSet[CudaGraph] = weakref.WeakSet()
        self.lock = threading.RLock()
        self.last_replay = StreamEvent(device)

    @property
    def name(self) -> str:
        """Model and compute capability."""
        properties = torch.cuda.get_device_properties(self._device)
        return f"{properties.name} sm{properties.major}{properties.minor}"

    @contextmanager
    def on_side_stream(self) -> Iterator[None]:
        """Run the block in this thread's side stream.

        The same stream is used for captures: so cuBLAS allocates its workspace for the stream
        before a capture, and not in the graph's pool.
        """
        side, current = self.side, torch.cuda.current_stream(self._device)
        side.wait_stream(current)
        with torch.cuda.stream(side):
            yield
        current.wait_stream(side)

    @property
    def side(self) -> torch.cuda.Stream:
        """This thread's stream for captures."""
        if not hasattr(self._streams, "side"):
            self._streams.side = torch.cuda.Stream(self._device)
        side: torch.cuda.Stream = self._streams.side
        return side

    def check(self) -> CaptureCheck:
        """Return a check of a function for this device."""
        return CaptureCheck(self._device)

    def graph(self) -> CudaGraph:
        """Return an empty graph."""
        graph = CudaGraph(self)
        self._graphs.add(graph)
        return graph

    def pool(self) -> Any:
        """Return the memory pool of the existing graphs; None: there are none.

        torch's allocator forbids using a pool again after its last graph was freed.
        """
        return next((each.pool for each in self._graphs if each.pool is not None), None)

    def synchronize(self) -> None:
        """Wait until the device has finished all queued work."""
        torch.cuda.synchronize(self._device)

    def elapsed_ms(self, run: Callable[[], object]) -> float:
        """Return the milliseconds that the current stream takes for the work of a call."""
        stream = torch.cuda.current_stream(self._device)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record(stream)
        run()
        end.record(stream)
        end.synchronize()
        return float(start.elapsed_time(end))


class StreamEvent:
    """A torch.cuda.Event in the current stream of one device, which need not be the current one."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._event = device, torch.cuda.Event()

    def record(self) -> None:
        """Record it in the current stream, after all work queued so far."""
        self._event.record(torch.cuda.current_stream(self._device))

    def wait(self) -> None:
        """Make the current stream wait for it."""
        self._event.wait(torch.cuda.current_stream(self._device))

    def synchronize(self) -> None:
        """Make the host wait for it."""
        self._event.synchronize()


class CudaGraph:
    """A torch.cuda.CUDAGraph in the memory pool that all graphs of its device share."""

    def __init__(self, device: CudaDevice) -> None:
        self._device, self._graph = device, torch.cuda.CUDAGraph()
        self.pool: Any = None

    def capture(self, run: Callable[[], T]) -> T:
        """Capture a call; other threads may use the device in the meantime."""
        pool, side = self._device.pool(), self._device.side
        capturing = torch.cuda.graph(
            self._graph, pool=pool, stream=side, capture_error_mode="thread_local"
        )
        with capturing:
            result = run()
        self.pool = self._graph.pool()
        return result

    def replay(self) -> None:
        """Launch its work in the current stream."""
        self._graph.replay()

    def reset(self) -> None:
        """Return its memory to the pool."""
        self.pool = None
        self._graph.reset()


def of(device: torch.device) -> CudaDevice | None:
    """Return the object that captures on a device, always the same; None: it cannot capture."""
    if device.type != "cuda":
        return None
    return _of(torch.cuda.current_device() if device.index is None else device.index)


@cache
def _of(index: int) -> CudaDevice:
    return CudaDevice(torch.device("cuda", index))
