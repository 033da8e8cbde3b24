"""Results from a network's device to the host's memory, beside what the device does next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor

# As many as frames may be in flight, and one of which a landing was left behind.
_SLOTS_KEPT = 3


class Event(Protocol):
    """A mark in the work that a device was asked for, as torch.cuda.Event is."""

    def synchronize(self) -> None:
        """Wait until the device has come to it, and for nothing else."""


class Bus(Protocol):
    """The way from a device's memory to the host's, which is open while the device computes."""

    def allocate(self, size: int) -> Tensor:
        """Return so many bytes of the host's memory, uint8, that the device can write by itself."""

    def mark(self) -> Event:
        """Return a mark behind all that this thread has asked the device to compute so far."""

    def copy(self, pairs: Sequence[tuple[Tensor, Tensor]], after: Event) -> Event:
        """Ask for copies, and return the mark behind them.

        Args:
            pairs: the host's memory, and what of the device's memory is to be written there.
            after: what the device must have come to before.
        """


class CudaBus:
    """Copies in a stream of its own: they wait for what they need, and nothing waits for them."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: torch.cuda.Stream = torch.cuda.Stream(device)

    def allocate(self, size: int) -> Tensor:
        """Return page-locked memory: of other memory a copy would wait for the device."""
        return torch.empty(size, dtype=torch.uint8, pin_memory=True)

    def mark(self) -> Event:
        """Return a mark behind the work in this thread's current stream."""
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self._device))
        return event

    def copy(self, pairs: Sequence[tuple[Tensor, Tensor]], after: Any) -> Event:
        """Ask for copies. Who waits for their mark sleeps: a core that spins is a robot's loss."""
        copied = torch.cuda.Event(blocking=True)
        with torch.cuda.stream(self._stream):
            self._stream.wait_event(after)
            for target, source in pairs:
                target.copy_(source, non_blocking=True)
            copied.record(self._stream)
        return copied


@cache
def bus_of(device: torch.device) -> Bus | None:
    """Return the one way from a device to the host; None: its memory is the host's."""
    return None if device.type == "cpu" else CudaBus(device)


class _Slot:
    """The host's memory for one result, as large as the largest so far, and for its count."""

    def __init__(self) -> None:
        self._buffer = self._number = torch.empty(0, dtype=torch.uint8)
        self._copied: Event | None = None
        self._sources: list[Tensor] = []

    def fetch(self, bus: Bus, values: Tensor, count: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Ask for values, and return where they, and their count, will be."""
        self.settle()
        if self._buffer.numel() < values.nbytes:
            self._buffer = bus.allocate(values.nbytes)
        pairs = [(self._buffer[: values.nbytes].view(values.dtype).view(values.shape), values)]
        if count is not None:
            pairs.append((self._number_like(bus, count), count))
        self._sources = [source for _, source in pairs]
        self._copied = bus.copy(pairs, bus.mark())
        return pairs[0][0], None if count is None else pairs[1][0]

    def settle(self) -> None:
        """Wait until nothing is on its way here. What it comes from must not go before."""
        if self._copied is not None:
            self._copied.synchronize()
            self._copied, self._sources = None, []

    def _number_like(self, bus: Bus, count: Tensor) -> Tensor:
        if not self._number.numel():
            self._number = bus.allocate(8)
        return self._number.view(count.dtype)[:1].view(count.shape)


class Landing:
    """A result on its way to the host.

    Args:
        values: where it will be.
        count: where it will be said how many of its rows count; None: all.
        slot: of these two; None: they are there.
        give_back: takes the slot when nobody needs the result any longer.
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
        """Wait for this result alone, and return it, on the host and valid until release().

        Raises:
            RuntimeError: the device failed at what was asked of it.
        """
        if self._slot is not None:
            self._slot.settle()
        return self._values if self._count is None else self._values[: int(self._count)]

    def release(self) -> None:
        """Say that the result is not needed any longer, landed or not; more than once is once."""
        slot, self._slot = self._slot, None
        if slot is not None and self._give_back is not None:
            self._give_back(slot)


class Download:
    """Brings the results of one kind to the host, each while the device is at the next one.

    On the CPU they stay where they are. From CUDA they come by way of page-locked memory, which the
    device writes by itself, at the bus's full speed. A result's memory is another one's only after
    it was released: there is as much as results are in flight at once, two in a node.
    """

    def __init__(self) -> None:
        self._free: list[_Slot] = []
        self._last = Landing(torch.empty(0))

    @torch.inference_mode()
    def start(self, values: Tensor, count: Tensor | None = None) -> Landing:
        """Ask for values behind what this thread has asked of their device; wait for nothing.

        Args:
            values: not to be written again before they have landed; they may be let go.
            count: how many rows of values, from the first on, are to land; an integer on the same
                device. None: all.
        """
        bus = bus_of(values.device)
        if bus is None:
            return Landing(values, count)
        values = values.contiguous()
        slot = self._free.pop(0) if self._free else _Slot()
        return Landing(*slot.fetch(bus, values, count), slot, self._take_back)

    def __call__(self, values: Tensor) -> Tensor:
        """Return values on the host, valid until the next call; those of the CPU as they are."""
        self._last.release()
        self._last = self.start(values)
        return self._last.wait()

    def _take_back(self, slot: _Slot) -> None:
        if len(self._free) < _SLOTS_KEPT:
            self._free.append(slot)
