"""Functions of tensors as captured CUDA graphs: one launch instead of hundreds of small kernels.

A graph reads and writes the same memory in every replay. Therefore:

- Arguments are copied into the graph's static inputs, and results are cloned out of its static
  outputs: no caller holds memory that a later replay writes. Constants, such as a camera's rays,
  are copied only when they are others than in the last replay.
- All graphs of a device share one memory pool, so that they share the memory for intermediate
  results. Two graphs must not run at the same time: on the device, every replay waits until the
  results of the last one are cloned, for all streams and threads.
- Pipelines that share a network share its graphs. One lock for each device covers copy, replay
  and clone; when it is released, no pending work depends on static memory.
- Tensors that a function does not get as arguments (weights, tables cached per size) must live as
  long as the graph: CaptureCheck finds them, and they are stored with the graph.
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
from depth_ros.runtimes.capture_check import CaptureCheck
from depth_ros.runtimes.notices import Notices

T = TypeVar("T")

Result = tuple[tuple[Tensor | None, ...], Any]
"""What a captured function returns: tensors, and a value that is the same for every call."""

Function = Callable[..., Result]

Inputs = tuple[Tensor | None, ...]

_GRAPHS = 8
"""Maximum number of graphs of one kind: each is for one image size and one set of settings."""

_COMPILED = 8
"""Maximum number of versions of the faster function: torch.compile keeps at most this many."""


class Event(Protocol):
    """An event of a CUDA stream."""

    def record(self) -> None:
        """Record it in the current stream, after all work queued so far."""

    def wait(self) -> None:
        """Make the current stream wait for it; the host does not wait."""

    def synchronize(self) -> None:
        """Make the host wait for it."""


class Graph(Protocol):
    """A CUDA graph."""

    def capture(self, run: Callable[[], T]) -> T:
        """Capture the work that a call launches; return its result, which is in static tensors."""

    def replay(self) -> None:
        """Launch that work in the current stream."""

    def reset(self) -> None:
        """Free its memory."""


class CaptureDevice(Protocol):
    """A device that can capture graphs."""

    @property
    def name(self) -> str:
        """What makes it as fast as it is: model and compute capability."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held during capture, and during copies into and out of static memory."""

    @property
    def last_replay(self) -> Event:
        """Event after the last replay and the clones of its results."""

    def on_side_stream(self) -> AbstractContextManager[Any]:
        """Run the block in another stream, after the current one's queued work and before more."""

    def check(self) -> CaptureCheck:
        """Return a check of a function before its capture."""

    def graph(self) -> Graph:
        """Return an empty graph."""

    def synchronize(self) -> None:
        """Wait until the device has finished all queued work."""

    def elapsed_ms(self, run: Callable[[], object]) -> float:
        """Return the milliseconds that the current stream takes for the work of a call."""


@dataclass
class _CapturedGraph:
    """A graph with its static memory, and the objects that must live as long."""

    graph: Graph
    inputs: Inputs
    outputs: tuple[Tensor | None, ...]
    note: Any
    kept_alive: tuple[Any, ...]
    is_final: bool = False  # there is no faster function, or it is being prepared
    constants: Inputs = ()  # the last ones that were copied into the last static inputs

    def replay(self, last_replay: Event, inputs: Inputs, constants: Inputs) -> Result:
        """Return the results for new inputs, in memory of their own."""
        last_replay.wait()
        known = (None,) * len(inputs) + (self.constants or (None,) * len(constants))
        self.constants = ()  # in case a copy fails
        for static, given, old in zip(self.inputs, (*inputs, *constants), known, strict=True):
            if static is not None and given is not None and given is not old:
                static.copy_(given, non_blocking=True)
        self.constants = constants
        self.graph.replay()
        fresh = tuple(None if each is None else each.clone() for each in self.outputs)
        last_replay.record()
        return fresh, self.note


class Captured:
    """Calls functions of one kind as captured graphs, one for each key and shape of arguments.

    If one function cannot be captured, it and all others are called directly from then on. The
    user gets one message about it.

    Args:
        name: of this kind, for that message.
        device: the device.
        notices: receives messages for the user.
        max_graphs: number of graphs that are kept, the most recently used ones.
    """

    def __init__(
        self, name: str, device: CaptureDevice, notices: Notices, max_graphs: int = _GRAPHS
    ) -> None:
        self._name, self._device, self._notices = name, device, notices
        self._max_graphs = max_graphs
        self._captured: OrderedDict[Hashable, _CapturedGraph] = OrderedDict()
        self._versions: set[Hashable] = set()
        self._compiles = True
        self.pending = 0
        """Number of faster functions that are being prepared."""
        self.disabled_reason = ""
        """Why functions are called directly; empty: they are captured."""

    @torch.inference_mode()
    def __call__(
        self,
        key: Hashable,
        function: Function,
        *inputs: Tensor | None,
        constants: Inputs = (),
        faster: Function | None = None,
        wait_for_faster: bool = False,
        version: Hashable = None,
    ) -> Result:
        """Return the function's result, in memory that belongs to the caller.

        Args:
            key: what the function depends on in addition to its arguments; functions of one key
                give equal results.
            function: of the inputs and the constants alone. It works on their device and does not
                wait for the host.
            inputs: tensors on the device; None stays None.
            constants: further arguments, tensors that nobody writes any more.
            faster: gives the same result in less time, but its first call takes long: it is
                prepared in a thread, and then replaces the function.
            wait_for_faster: prepare it before the first result instead.
            version: what the part of faster that takes long depends on, in addition to the shapes
                of the inputs; None: on the key.
        """
        given = (*inputs, *constants)
        full_key = (key, *(each if each is None else (each.shape, each.dtype) for each in given))
        if not self.disabled_reason:
            with self._device.lock:
                first = faster if faster and wait_for_faster else None
                captured = self._captured.get(full_key)
                captured = captured or self._try_to_capture(full_key, function, given, first)
                if captured is not None:
                    self._captured.move_to_end(full_key)
                    if faster is not None and not captured.is_final:
                        shapes = tuple(each if each is None else each.shape for each in inputs)
                        one = (key if version is None else version, shapes)
                        self._start_compiling(full_key, captured, faster, one)
                    return captured.replay(self._device.last_replay, inputs, constants)
        return (faster if faster and wait_for_faster else function)(*given)

    def forget(self) -> None:
        """Free all graphs and their memory."""
        with self._device.lock:
            while self._captured:
                self._drop(next(iter(self._captured)))

    def _try_to_capture(
        self, key: Hashable, function: Function, inputs: Inputs, faster: Function | None
    ) -> _CapturedGraph | None:
        """Capture a function, or the faster one; None: not possible, or not now."""
        if not CAPTURING.acquire(blocking=False):
            return None
        try:
            return self._capture_first(key, function, inputs, faster)
        finally:
            CAPTURING.release()

    def _capture_first(
        self, key: Hashable, function: Function, inputs: Inputs, faster: Function | None
    ) -> _CapturedGraph | None:
        statics = tuple(each if each is None else each.clone() for each in inputs)
        with self._device.on_side_stream():
            function(*statics)  # fills its caches per size; the caller gets its errors
            if faster is not None:
                faster(*statics)
                faster(*statics)
        try:
            constants = self._constants_of(function, statics)
            captured = self._capture(faster or function, statics, constants)
        except Exception as error:  # libraries have no common error type for this
            self.disabled_reason = _reason(error)
            self._notices.report(
                f"{self._name} continues without a CUDA graph: {self.disabled_reason}"
            )
            self._device.synchronize()  # raises if the device is lost
            return None
        captured.is_final = faster is not None
        self._keep(key, captured)
        return captured

    def _start_compiling(
        self, key: Hashable, captured: _CapturedGraph, faster: Function, version: Hashable
    ) -> None:
        if not self._compiles or len(self._versions | {version}) > _COMPILED:
            return
        captured.is_final = True
        self._versions.add(version)
        self.pending += 1
        arguments = (key, faster, captured)
        threading.Thread(target=self._compile, args=arguments, name="compile", daemon=True).start()

    def _constants_of(self, function: Function, statics: Inputs) -> tuple[Tensor, ...]:
        """Return the tensors that a function uses in addition to its arguments."""
        with self._device.on_side_stream(), self._device.check() as check:
            function(*statics)
        # Aliases: they keep the memory of weights that are moved to another place.
        return tuple(each.detach() for each in check.constants)

    def _capture(
        self, function: Function, statics: Inputs, kept_alive: tuple[Any, ...]
    ) -> _CapturedGraph:
        graph = self._device.graph()
        try:
            outputs, note = graph.capture(lambda: function(*statics))
        except Exception:
            with suppress(RuntimeError):  # there may be nothing to free
                graph.reset()
            raise
        return _CapturedGraph(graph, statics, outputs, note, (function, *kept_alive))

    @torch.inference_mode()
    def _compile(self, key: Hashable, faster: Function, slower: _CapturedGraph) -> None:
        """Replace a function by a faster one; runs in its own thread.

        The graph is captured here, where the function was compiled: compiled code is valid for
        one thread's settings, but any thread can replay a graph.
        """
        try:
            statics = tuple(
                each if each is None else torch.zeros_like(each) for each in slower.inputs
            )
            with CAPTURING:
                with self._device.on_side_stream():
                    faster(*statics)
                    faster(*statics)
                self._replace(key, slower, faster, statics)
        # A compiler may raise anything, or end its thread; frames do not depend on it.
        except (Exception, SystemExit) as error:
            if self._compiles:
                self._compiles = False
                reason = _reason(error)
                self._notices.report(f"{self._name} continues without torch.compile: {reason}")
        finally:
            with self._device.lock:
                self.pending -= 1

    def _replace(
        self, key: Hashable, slower: _CapturedGraph, faster: Function, statics: Inputs
    ) -> None:
        with self._device.lock:
            if self._captured.get(key) is slower:  # not freed in the meantime
                captured = self._capture(faster, statics, slower.kept_alive)
                captured.is_final = True
                self._drop(key)
                self._keep(key, captured)

    def _keep(self, key: Hashable, captured: _CapturedGraph) -> None:
        self._captured[key] = captured
        while len(self._captured) > self._max_graphs:
            self._drop(next(iter(self._captured)))

    def _drop(self, key: Hashable) -> None:
        captured = self._captured.pop(key)
        self._device.last_replay.synchronize()  # the device may still run it
        captured.graph.reset()


CAPTURING = threading.RLock()
"""Held while a graph is captured, or a function is compiled for one.

A compiler synchronises the whole device, to see which kernel is fastest. CUDA does not allow this
while another thread captures. A thread that cannot get the lock calls functions directly.
"""


class Graphs:
    """The kinds of graphs of a pipeline.

    Args:
        device: the device.

    Attributes:
        device: the same.
        frame: from image to depth, points and colours, if nothing is measured between them.
        predict: from image to values.
        render: from values to depth, points and colours.
        around: from image to the network's input, and from its output to values, for a network
            that cannot be captured.
        notices: messages about them for the user.
    """

    def __init__(self, device: CaptureDevice) -> None:
        self.device, self.notices = device, Notices()
        self.predict = Captured("the network", device, self.notices)
        self.render = Captured("the rendering", device, self.notices)
        # If these fail, parts of them are captured, and the user hears which of these fail.
        unheard = Notices()
        self.frame = Captured("a frame", device, unheard)
        self.around = Captured("what surrounds the network", device, unheard)

    def disable(self, reason: str) -> None:
        """Call functions directly from now on."""
        for each in (self.frame, self.predict, self.render, self.around):
            each.disabled_reason = reason
            each.forget()

    @classmethod
    def on(cls, device: torch.device) -> Graphs | None:
        """Return the graphs of a device; None: it cannot capture."""
        capturing = cuda_graphs.of(device)
        return None if capturing is None else cls(capturing)


def _reason(error: BaseException) -> str:
    """Return the first error: ending a failed capture raises another one."""
    while error.__context__ is not None:
        error = error.__context__
    return " ".join(str(error).split("\n\n")[0].split())[:300] or type(error).__name__
