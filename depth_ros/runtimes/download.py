"""Copies of results from a network's device to host memory, while the device computes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor

# The number of frames that may be in flight, and one for a result that was not released.
_SLOTS_KEPT = 3


class Event(Protocol):
    """An event of a device, such as torch.cuda.Event."""

    def synchronize(self) -> None:
        """Wait until the device has reached it, and for nothing else."""


class Bus(Protocol):
    """Copies from a device's memory to host memory while the device computes."""

    def allocate(self, size: int) -> Tensor:
        """Return host memory of a size in bytes, uint8, that the device can write by itself."""

    def event(self) -> Event:
        """Return an event after all work that this thread has queued on the device so far."""

    def copy(self, pairs: Sequence[tuple[Tensor, Tensor]], after: Event) -> Event:
        """Queue copies, and return the event after them.

        Args:
            pairs: targets in host memory, each with its source in the device's memory.
            after: the copies wait for this event.
        """


class CudaBus:
    """Copies in its own stream: they wait for their sources, and no other work waits for them."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: torch.cuda.Stream = torch.cuda.Stream(device)

    def allocate(self, size: int) -> Tensor:
        """Return page-locked memory: a copy into other memory would wait for the device."""
        return torch.empty(size, dtype=torch.uint8, pin_memory=True)

    def event(self) -> Event:
        """Return an event after the work in this thread's current stream."""
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self._device))
        return event

    def copy(self, pairs: Sequence[tuple[Tensor, Tensor]], after: Any) -> Event:
        """Queue copies. Waiting for their event sleeps: spinning would waste a core."""
        copied = torch.cuda.Event(blocking=True)
        with torch.cuda.stream(self._stream):
            self._stream.wait_event(after)
            for target, source in pairs:
                target.copy_(source, non_blocking=True)
            copied.record(self._stream)
        return copied


@cache
def bus_of(device: torch.device) -> Bus | None:
    """Return the bus of a device, one for each; None: its memory is host memory."""
    return None if device.type == "cpu" else CudaBus(device)


class _Slot:
    """Host memory for one result, as large as the largest so far, and for its row count."""

    def __init__(self) -> None:
        self._buffer = self._count = torch.empty(0, dtype=torch.uint8)
        self._copied: Event | None = None
        self._sources: list[Tensor] = []

    def fetch(self, bus: Bus, values: Tensor, count: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Queue the copy of values; return the memory that will hold them and their count."""
        self.wait()
        if self._buffer.numel() < values.nbytes:
            self._buffer = bus.allocate(values.nbytes)
        pairs = [(self._buffer[: values.nbytes].view(values.dtype).view(values.shape), values)]
        if count is not None:
            pairs.append((self._count_like(bus, count), count))
        self._sources = [source for _, source in pairs]
        self._copied = bus.copy(pairs, bus.event())
        return pairs[0][0], None if count is None else pairs[1][0]

    def wait(self) -> None:
        """Wait until the copy is done. Its sources must not be freed before."""
        if self._copied is not None:
            self._copied.synchronize()
            self._copied, self._sources = None, []

    def _count_like(self, bus: Bus, count: Tensor) -> Tensor:
        if not self._count.numel():
            self._count = bus.allocate(8)
        return self._count.view(count.dtype)[:1].view(count.shape)


class PendingDownload:
    """A result that is being copied to the host.

    Args:
        values: memory that will hold it.
        count: memory that will hold the number of valid rows; None: all rows are valid.
        slot: the memory of both; None: they are already there.
        give_back: takes the slot when the result is not needed any longer.
    """

    def __init__(
        self,
        values: Tensor,
        count: Tensor | None = None,
        slot: _Slot | None = None,
        give_back: Callable[[_Slot], None] | None = None,
    ) -> None:
        self._values, self._count, self._slot = values, count, slot
        self._give_back = give_back

    def wait(self) -> Tensor:
        """Wait for this result alone; return it on the host, valid until release().

        Raises:
            RuntimeError: the work on the device failed.
        """
        if self._slot is not None:
            self._slot.wait()
        return self._values if self._count is None else self._values[: int(self._count)]

    def release(self) -> None:
        """Give the memory back, even if the copy is not done; a second call does nothing."""
        slot, self._slot = self._slot, None
        if slot is not None and self._give_back is not None:
            self._give_back(slot)


class Download:
    """Copies the results of one kind to the host, each while the device computes the next one.

    On the CPU they stay where they are. From CUDA they are copied into page-locked memory, which
    the device writes by itself, at the bus's full speed. Memory is reused after its result was
    released: there is one slot for each result in flight, two in a node.
    """

    def __init__(self) -> None:
        self._free: list[_Slot] = []
        self._last = PendingDownload(torch.empty(0))

    @torch.inference_mode()
    def start(self, values: Tensor, count: Tensor | None = None) -> PendingDownload:
        """Queue the copy of values after this thread's work on their device; do not wait.

        Args:
            values: must not be overwritten before the copy is done; the caller need not keep them.
            count: number of valid rows of values, from the first on; an integer tensor on the
                same device. None: all.
        """
        bus = bus_of(values.device)
        if bus is None:
            return PendingDownload(values, count)
        values = values.contiguous()
        slot = self._free.pop(0) if self._free else _Slot()
        return PendingDownload(*slot.fetch(bus, values, count), slot, self._take_back)

    def __call__(self, values: Tensor) -> Tensor:
        """Return values on the host, valid until the next call; values on the CPU as they are."""
        self._last.release()
        self._last = self.start(values)
        return self._last.wait()

    def _take_back(self, slot: _Slot) -> None:
        if len(self._free) < _SLOTS_KEPT:
            self._free.append(slot)
