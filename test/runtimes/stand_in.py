"""A stand-in for a CaptureDevice on the CPU: a replay runs the captured function again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from depth_ros.runtimes.capture import Graphs
from depth_ros.runtimes.capture_check import CaptureCheck

T = TypeVar("T")


class StandIn:
    """A CaptureDevice of runtimes.capture that runs everything at once, and logs it.

    A replay counts as reading its static inputs until the event after it was waited for: a change
    of the inputs in the meantime fails then.

    Attributes:
        log: the operations, in order.
        live: graphs that hold memory.
        works: whether it runs a replay or a check of its own.
        strict: whether it refuses what a GPU would, as far as the CPU can show that.
        clock: the time in seconds.
    """

    name = "stand-in"

    def __init__(self, strict: bool = False, error: Exception | None = None) -> None:
        self.log: list[str] = []
        self.live: set[StandInGraph] = set()
        self.works = False
        self.lock = threading.RLock()
        self.last_replay = StreamEvent(self)
        self.strict, self.error = strict, error
        self.clock: Callable[[], float] = time.perf_counter
        self.reading: list[tuple[Tensor, Tensor]] = []

    @contextmanager
    def on_side_stream(self) -> Iterator[None]:
        self.log.append("on_side_stream")
        yield

    def check(self) -> CaptureCheck:
        return CaptureCheck(torch.device("cpu")) if self.strict else Lenient(torch.device("cpu"))

    def graph(self) -> StandInGraph:
        return StandInGraph(self)

    def synchronize(self) -> None:
        self.log.append("synchronize device")

    def elapsed_ms(self, run: Callable[[], object]) -> float:
        start_s = self.clock()
        run()
        return 1e3 * (self.clock() - start_s)

    def assert_unchanged(self) -> None:
        """Fail if inputs that a replay may still read have changed."""
        with self.working():
            for static, before in self.reading:
                same = torch.equal(static.nan_to_num(), before.nan_to_num())
                assert same, "overwritten in flight"
        self.reading = []

    @contextmanager
    def working(self) -> Iterator[None]:
        """Mark the operations of the block as its own."""
        self.works = True
        try:
            yield
        finally:
            self.works = False


class Lenient(CaptureCheck):
    """Collects constants, and refuses nothing: on the CPU, code may use NumPy."""

    def _check_inputs(self, *args: Any) -> None:
        pass


class StreamEvent:
    def __init__(self, machine: StandIn) -> None:
        self._machine = machine

    def record(self) -> None:
        self._machine.log.append("record")

    def wait(self) -> None:
        self._machine.log.append("wait")
        self._machine.assert_unchanged()

    def synchronize(self) -> None:
        self._machine.log.append("synchronize")
        self._machine.assert_unchanged()


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
        with self._machine.working():
            for static, fresh in zip(self._made[0], self._run()[0], strict=True):
                if static is not None:
                    static.copy_(fresh)
            inputs = _cells(self._run)
            self._machine.reading += [(each, each.clone()) for each in inputs]

    def reset(self) -> None:
        self._machine.log.append("reset")
        self._machine.live.discard(self)


class Launches(TorchDispatchMode):
    """Counts operations outside of replays: on a GPU each is a launch of its own.

    Attributes:
        counts: by name; views launch nothing, and are not counted.
    """

    def __init__(self, machine: StandIn) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._machine = machine
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returns = func._schema.returns
        is_view = any(each.alias_info and not each.alias_info.is_write for each in returns)
        if not self._machine.works and not is_view:
            self.counts[func._schema.name.removeprefix("aten::")] += 1
        return func(*args, **(kwargs or {}))


def _cells(run: Callable[[], Any]) -> list[Tensor]:
    """Return the tensors that a closure of Captured holds: the graph's static inputs."""
    cells = [cell.cell_contents for cell in run.__closure__ or ()]
    return [each for cell in cells if isinstance(cell, tuple) for each in cell if each is not None]


def graphs(**options: Any) -> tuple[Graphs, StandIn]:
    """Return graphs on a stand-in, and the stand-in."""
    machine = StandIn(**options)
    return Graphs(machine), machine
