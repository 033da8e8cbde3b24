"""A device that captures nothing, on the CPU: it does again what it was shown, and keeps watch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor

from depth_ros.runtimes.capture import Graphs
from depth_ros.runtimes.watch import Watch

T = TypeVar("T")


class StandIn:
    """Does what a machine of runtimes.capture does, in the order that it is asked for.

    A replay reads its static inputs until somebody has waited for the mark behind it: if these
    changed in the meantime, that is found then.

    Attributes:
        log: what it was asked for.
        live: graphs that hold memory.
        strict: whether it refuses what a GPU would, as far as that shows on the CPU.
    """

    def __init__(self, strict: bool = False, error: Exception | None = None) -> None:
        self.log: list[str] = []
        self.live: set[StandInGraph] = set()
        self.lock = threading.RLock()
        self.order = Mark(self)
        self.strict, self.error = strict, error
        self.reading: list[tuple[Tensor, Tensor]] = []

    @contextmanager
    def aside(self) -> Iterator[None]:
        self.log.append("aside")
        yield

    def watch(self) -> Watch:
        return Watch(torch.device("cpu")) if self.strict else Lenient(torch.device("cpu"))

    def graph(self) -> StandInGraph:
        return StandInGraph(self)

    def settle(self) -> None:
        self.log.append("settle")

    def check(self) -> None:
        """What replays read must be what it was when they began."""
        for static, before in self.reading:
            assert torch.equal(static.nan_to_num(), before.nan_to_num()), "overwritten in flight"
        self.reading = []


class Lenient(Watch):
    """Notes constants, and refuses nothing: on the CPU, code may use NumPy."""

    def _refuse_questions(self, *args: Any) -> None:
        pass


class Mark:
    def __init__(self, machine: StandIn) -> None:
        self._machine = machine

    def record(self) -> None:
        self._machine.log.append("record")

    def wait(self) -> None:
        self._machine.log.append("wait")
        self._machine.check()

    def synchronize(self) -> None:
        self._machine.log.append("synchronize")
        self._machine.check()


class StandInGraph:
    def __init__(self, machine: StandIn) -> None:
        self._machine = machine
        self._run: Callable[[], Any] = lambda: None
        self._made: Any = None

    def capture(self, run: Callable[[], T]) -> T:
        self._machine.log.append("capture")
        if self._machine.error is not None:
            raise self._machine.error
        self._run, self._made = run, run()
        self._machine.live.add(self)
        made: T = self._made
        return made

    def replay(self) -> None:
        self._machine.log.append("replay")
        assert self in self._machine.live, "replayed after its memory was given back"
        for static, fresh in zip(self._made[0], self._run()[0], strict=True):
            if static is not None:
                static.copy_(fresh)
        inputs = _cells(self._run)
        self._machine.reading += [(each, each.clone()) for each in inputs]

    def reset(self) -> None:
        self._machine.log.append("reset")
        self._machine.live.discard(self)


def _cells(run: Callable[[], Any]) -> list[Tensor]:
    """The tensors that a closure of Captured's holds: the graph's static inputs."""
    cells = [cell.cell_contents for cell in run.__closure__ or ()]
    return [each for cell in cells if isinstance(cell, tuple) for each in cell if each is not None]


def graphs(**options: Any) -> tuple[Graphs, StandIn]:
    """Graphs on a stand-in, and that."""
    machine = StandIn(**options)
    return Graphs(machine), machine
