"""Functions of tensors as captured CUDA graphs: one launch instead of hundreds of small kernels.

A graph reads and writes the same memory whenever it is replayed. What follows from that:

- Arguments are copied into the graph's static inputs, results are cloned out of its static outputs:
  nobody outside ever holds memory that a later replay writes.
- All graphs of a device share one memory pool, so that what one of them needs on its way is not
  held by each. None may run beside another one then: every replay waits, on the device, for the
  last one to be done and cloned, whatever streams and threads they come from.
- Pipelines that share a network share its graphs: a lock of the device's covers copy, replay and
  clone, and no result is in flight in static memory when it is released.
- Tensors that a function takes from elsewhere (weights, tables it keeps per size) must live as long
  as the graph: those seen while it is watched are kept with it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from depth_ros.runtimes import cuda_graphs
from depth_ros.runtimes.notices import Notices
from depth_ros.runtimes.watch import Watch

T = TypeVar("T")

Result = tuple[tuple[Tensor | None, ...], Any]
"""What a function returns that is captured: tensors, and what holds of them in every call."""

Function = Callable[..., Result]

Inputs = tuple[Tensor | None, ...]

_GRAPHS = 8
"""Graphs of one kind that are kept: each is one size of image under one set of settings."""

_COMPILED = 8
"""Graphs that are compiled, at most: torch.compile keeps no more versions of a network."""


class Event(Protocol):
    """A mark in the work of a stream."""

    def record(self) -> None:
        """Set it behind what the current stream was asked for so far."""

    def wait(self) -> None:
        """Let the current stream, and not the host, wait for it."""

    def synchronize(self) -> None:
        """Let the host wait for it."""


class Graph(Protocol):
    """Work of a device that was captured, or is to be."""

    def capture(self, run: Callable[[], T]) -> T:
        """Capture what this does instead of doing it; return what it returns, static tensors."""

    def replay(self) -> None:
        """Ask the current stream for that work."""

    def reset(self) -> None:
        """Give its memory back."""


class Machine(Protocol):
    """A device that captures."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held by whoever captures, or copies into and out of static memory."""

    @property
    def order(self) -> Event:
        """Behind the last replay and the clones of its results."""

    def aside(self) -> AbstractContextManager[Any]:
        """Work on another stream, after what the current one was asked for and before the next."""

    def watch(self) -> Watch:
        """Return what notes the constants of a function, and refuses what cannot be captured."""

    def graph(self) -> Graph:
        """Return an empty graph."""

    def settle(self) -> None:
        """Wait until the device has done all that it was asked for."""


@dataclass
class _Recorded:
    """A graph with its static memory, and what must live as long."""

    graph: Graph
    inputs: Inputs
    outputs: tuple[Tensor | None, ...]
    note: Any
    kept: tuple[Any, ...]
    best: bool = False  # there is nothing better, or it is being prepared

    def replay(self, order: Event, inputs: Inputs) -> Result:
        order.wait()
        for static, given in zip(self.inputs, inputs, strict=True):
            if static is not None and given is not None:
                static.copy_(given, non_blocking=True)
        self.graph.replay()
        fresh = tuple(None if each is None else each.clone() for each in self.outputs)
        order.record()
        return fresh, self.note


class Captured:
    """Calls functions of one kind as captured graphs, one for each key and shape of arguments.

    A function that cannot be captured is called as it is, and so are all others from then on; that
    is said once.

    Args:
        name: of this kind, for that message.
        machine: the device.
        notices: told what a user should know.
        most: how many graphs are kept, the last ones that were used.
    """

    def __init__(self, name: str, machine: Machine, notices: Notices, most: int = _GRAPHS) -> None:
        self._name, self._machine, self._notices, self._most = name, machine, notices, most
        self._recorded: OrderedDict[Hashable, _Recorded] = OrderedDict()
        self._improved = 0
        self.pending = 0
        """How many better functions are prepared at the moment."""
        self.refused = ""
        """Why functions are called as they are; empty: they are captured."""

    @torch.inference_mode()
    def __call__(
        self,
        key: Hashable,
        function: Function,
        *inputs: Tensor | None,
        better: Function | None = None,
        at_once: bool = False,
    ) -> Result:
        """Return what a function returns, in memory of the caller's own.

        Args:
            key: what the function depends on beside its arguments; functions of one key are alike.
            function: of the inputs alone. It works on their device and asks nothing of the host.
            inputs: tensors on the device; None stays None.
            better: says the same in less time, and takes long to be called first: it is prepared
                in a thread, and then takes the function's place.
            at_once: takes it before the first result, whatever time that takes.
        """
        whole = (key, *(each if each is None else (each.shape, each.dtype) for each in inputs))
        if not self.refused:
            with self._machine.lock:
                first = better if better and at_once else None
                recorded = self._recorded.get(whole) or self._first(whole, function, inputs, first)
                if recorded is not None:
                    self._recorded.move_to_end(whole)
                    if better is not None and not recorded.best and self._improved < _COMPILED:
                        self._begin_to_improve(whole, recorded, better)
                    return recorded.replay(self._machine.order, inputs)
        return (better if better and at_once else function)(*inputs)

    def forget(self) -> None:
        """Give up all graphs and their memory."""
        with self._machine.lock:
            while self._recorded:
                self._drop(next(iter(self._recorded)))

    def _first(
        self, key: Hashable, function: Function, inputs: Inputs, better: Function | None
    ) -> _Recorded | None:
        """Capture a function, or the better one; None: it cannot be, or not now."""
        if not _RECORDING.acquire(blocking=False):
            return None
        try:
            return self._record(key, function, inputs, better)
        finally:
            _RECORDING.release()

    def _record(
        self, key: Hashable, function: Function, inputs: Inputs, better: Function | None
    ) -> _Recorded | None:
        statics = tuple(each if each is None else each.clone() for each in inputs)
        with self._machine.aside():
            function(*statics)  # fills what it keeps per size; its errors are the caller's
            if better is not None:
                better(*statics)
                better(*statics)
        try:
            kept = self._watched(function, statics)
            recorded = self._capture(better or function, statics, kept)
        except Exception as error:  # what it cannot do, each library says in its own way
            self.refused = _reason(error)
            self._notices.say(f"{self._name} goes on without a CUDA graph: {self.refused}")
            self._machine.settle()  # raises where the device is lost
            return None
        recorded.best = better is not None
        self._keep(key, recorded)
        return recorded

    def _begin_to_improve(self, key: Hashable, recorded: _Recorded, better: Function) -> None:
        recorded.best = True
        self._improved += 1
        self.pending += 1
        arguments = (key, better, recorded)
        threading.Thread(target=self._improve, args=arguments, name="compile", daemon=True).start()

    def _watched(self, function: Function, statics: Inputs) -> tuple[Tensor, ...]:
        """Return the tensors that a function takes from elsewhere."""
        with self._machine.aside(), self._machine.watch() as watch:
            function(*statics)
        return tuple(watch.constants)

    def _capture(self, function: Function, statics: Inputs, kept: tuple[Any, ...]) -> _Recorded:
        graph = self._machine.graph()
        try:
            outputs, note = graph.capture(lambda: function(*statics))
        except Exception:
            with suppress(RuntimeError):  # there may be nothing to give back
                graph.reset()
            raise
        return _Recorded(graph, statics, outputs, note, (function, *kept))

    @torch.inference_mode()
    def _improve(self, key: Hashable, better: Function, worse: _Recorded) -> None:
        """Put a better function in the place of one; in a thread of its own.

        The graph is made here, where the function was compiled: code is compiled for one thread's
        settings, and a graph is replayed by any.
        """
        try:
            statics = tuple(
                each if each is None else torch.zeros_like(each) for each in worse.inputs
            )
            with _RECORDING:
                with self._machine.aside():
                    better(*statics)
                    better(*statics)
                self._replace(key, worse, better, statics)
        # A compiler may raise anything, or end its thread; frames are answered without it.
        except (Exception, SystemExit) as error:
            if self._improved <= _COMPILED:
                self._improved = _COMPILED + 1  # once is enough
                reason = _reason(error)
                self._notices.say(f"{self._name} goes on without torch.compile: {reason}")
        finally:
            with self._machine.lock:
                self.pending -= 1

    def _replace(self, key: Hashable, worse: _Recorded, better: Function, statics: Inputs) -> None:
        with self._machine.lock:
            if self._recorded.get(key) is worse:  # and not given up meanwhile
                recorded = self._capture(better, statics, worse.kept)
                recorded.best = True
                self._drop(key)
                self._keep(key, recorded)

    def _keep(self, key: Hashable, recorded: _Recorded) -> None:
        self._recorded[key] = recorded
        while len(self._recorded) > self._most:
            self._drop(next(iter(self._recorded)))

    def _drop(self, key: Hashable) -> None:
        recorded = self._recorded.pop(key)
        self._machine.order.synchronize()  # the device may be at it
        recorded.graph.reset()


_RECORDING = threading.Lock()
"""Held while a graph is captured, or a function is compiled to be.

A compiler waits for the whole device now and then, to see which kernel is fastest. CUDA allows that
to no thread while another one captures. Who cannot have it calls functions as they are.
"""


class Graphs:
    """The two kinds of graphs of a pipeline.

    Args:
        machine: the device.

    Attributes:
        predict: from image to values.
        render: from values to depth, points and colours.
        notices: what a user should know of them.
    """

    def __init__(self, machine: Machine) -> None:
        self.notices = Notices()
        self.predict = Captured("the network", machine, self.notices)
        self.render = Captured("what follows the network", machine, self.notices)

    def refuse(self, reason: str) -> None:
        """Call functions as they are from now on."""
        for each in (self.predict, self.render):
            each.refused = reason
            each.forget()

    @classmethod
    def on(cls, device: torch.device) -> Graphs | None:
        """Return graphs of a device; None: it has none."""
        machine = cuda_graphs.of(device)
        return None if machine is None else cls(machine)


def _reason(error: BaseException) -> str:
    """Return what went wrong first: ending a capture that failed fails as well."""
    while error.__context__ is not None:
        error = error.__context__
    return " ".join(str(error).split("\n\n")[0].split())[:300] or type(error).__name__
