"""A stand-in for the bus of a GPU: logs operations, and copies when it is waited for."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from depth_ros.runtimes.download import Event

TIMEOUT_S = 60.0


@dataclass
class Mark:
    """An event in the stand-in's work; number: of operations before it."""

    bus: StandInBus
    number: int

    def synchronize(self) -> None:
        self.bus.wait_for(self.number)


@dataclass
class Copy:
    """A pending copy; only the caller keeps its source alive."""

    number: int
    target: Tensor
    source: weakref.ref[Tensor]


@dataclass
class StandInBus:
    """Target memory contains noise until its event was waited for.

    Attributes:
        log: the operations, in order.
        allocated: sizes of the allocated memory.
        failure: the error that waiting raises.
    """

    log: list[str] = field(default_factory=list)
    allocated: list[int] = field(default_factory=list)
    failure: Exception | None = None

    def __post_init__(self) -> None:
        self._copies: list[Copy] = []
        self._lock = threading.Lock()
        self.entered, self.opened = threading.Event(), threading.Event()
        self.opened.set()

    def hold(self) -> None:
        """Hold back all copies until opened is set."""
        self.entered.clear()
        self.opened.clear()

    def allocate(self, size: int) -> Tensor:
        self.allocated.append(size)
        return torch.empty(size, dtype=torch.uint8)

    def event(self) -> Mark:
        self.log.append("mark")
        return Mark(self, len(self.log))

    def copy(self, pairs: Sequence[tuple[Tensor, Tensor]], after: Event) -> Mark:
        assert isinstance(after, Mark)
        with self._lock:
            self.log.append(f"copy after {after.number}")
            number = len(self.log)
            for target, source in pairs:
                assert not self._written(target), "this memory is being written"
                target.view(-1).view(torch.uint8).random_()
                self._copies.append(Copy(number, target, weakref.ref(source)))
        return Mark(self, number)

    @torch.inference_mode()  # as what gave the memory
    def wait_for(self, number: int) -> None:
        self.entered.set()
        assert self.opened.wait(TIMEOUT_S)
        if self.failure is not None:
            raise self.failure
        with self._lock:
            due = [copy for copy in self._copies if copy.number <= number]
            self._copies = [copy for copy in self._copies if copy.number > number]
            for copy in due:
                source = copy.source()
                assert source is not None, "the source of the copy was freed"
                copy.target.copy_(source)

    def _written(self, target: Tensor) -> bool:
        begin, end = target.data_ptr(), target.data_ptr() + target.nbytes
        spans = [(copy.target.data_ptr(), copy.target.nbytes) for copy in self._copies]
        return any(begin < at + size and at < end for at, size in spans)
