"""How long each stage of a frame takes, for the host and for the device, waiting for neither."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, Protocol

import torch

_FRAMES = 100


class Event(Protocol):
    """A mark behind all work that a device was asked for so far, as torch.cuda.Event is."""

    def query(self) -> bool:
        """Return whether the device has come to it."""

    def elapsed_time(self, end_event: Any) -> float:
        """Return the milliseconds from it to another one."""


class Lap(NamedTuple):
    """A stage of one frame.

    Attributes:
        stage: its name.
        host_ms: how long the thread was in it. A device may still be working on it.
        device_ms: how long the device was: what it waits for its next work counts too; None where
            there is no device beside the host.
    """

    stage: str
    host_ms: float
    device_ms: float | None = None

    def text(self) -> str:
        """Return its milliseconds, those of the device in brackets."""
        device = "" if self.device_ms is None else f" (device {self.device_ms:.2f})"
        return f"{self.host_ms:.2f}{device}"


class _Mark(NamedTuple):
    stage: str
    time_s: float
    event: Event | None


class Begun(NamedTuple):
    """A frame that a thread has begun and another one goes on with, see Profile.hand_over().

    Attributes:
        waited_s: how long the frame waited before.
        marks: where its stages began.
        on_device: whether what is done is asked of the device, too.
    """

    waited_s: float
    marks: list[_Mark]
    on_device: bool = True

    @property
    def over(self) -> bool:
        """Whether the device has done its part of the frame, which the host has done."""
        events = [mark.event for mark in self.marks if mark.event is not None]
        return not events or events[-1].query()

    def laps(self) -> list[Lap]:
        """Return its stages."""
        wait = [Lap("wait", 1e3 * self.waited_s)] if self.waited_s else []
        return wait + [_lap(*pair) for pair in zip(self.marks[:-1], self.marks[1:], strict=True)]


class _Thread(threading.local):
    """What a thread noted of the frame that it is working on, if it is on one."""

    frame: Begun | None = None


class Profile:
    """Notes when the stages of a frame begin; each lasts until the next one begins.

    So nothing between the first stage and the end is left out. Each thread that works on a frame
    says where it is; any thread may read. Outside of frame() begin() does nothing. A frame that
    another thread goes on with is handed over, and stays one frame.

    Args:
        mark: leaves a mark in the device's work; None where the host does all the work.
        frames: how many of the last ones are kept.
    """

    def __init__(self, mark: Callable[[], Event] | None = None, frames: int = _FRAMES) -> None:
        self._mark, self._at = mark, _Thread()
        self._stages: dict[int, str] = {}
        self._lock = threading.Lock()
        self._pending: deque[Begun] = deque(maxlen=frames)
        self._done: deque[list[Lap]] = deque(maxlen=frames)

    @classmethod
    def on(cls, device: torch.device) -> Profile:
        """Return a profile of work on a device."""
        if device.type != "cuda":
            return cls()
        return cls(partial(_cuda_mark, device))

    @contextmanager
    def frame(self, waited_s: float = 0.0) -> Iterator[None]:
        """Keep the stages of what is done inside, if it says any and does not fail.

        Args:
            waited_s: how long the frame waited before, a stage of its own.
        """
        with self.resumed(Begun(waited_s, [])):
            yield

    def hand_over(self, stage: str) -> Begun:
        """End this thread's part of a frame, inside frame().

        Args:
            stage: what the frame is in until the other thread says another one.

        Returns:
            what the other thread gives to resumed().
        """
        self.begin(stage)
        begun = self._at.frame
        assert begun is not None, "there is no frame to hand over outside of frame()"
        self._leave()
        return begun._replace(on_device=False)

    @contextmanager
    def resumed(self, begun: Begun) -> Iterator[None]:
        """Go on inside with what hand_over() returned in another thread; keep it as frame() does.

        Its further stages are the host's alone: what the device does meanwhile is another frame's.
        """
        self._at.frame = begun
        if begun.marks:
            self._stages[threading.get_ident()] = begun.marks[-1].stage
        try:
            yield
            if self._at.frame is begun and begun.marks:
                self.begin("end")
                with self._lock:
                    self._pending.append(begun)
        finally:
            self._leave()

    def begin(self, stage: str) -> None:
        """Say that a stage begins, and that another one before is over."""
        frame = self._at.frame
        if frame is None or (frame.marks and frame.marks[-1].stage == stage):
            return
        self._stages[threading.get_ident()] = stage
        event = self._mark() if self._mark is not None and frame.on_device else None
        frame.marks.append(_Mark(stage, time.perf_counter(), event))

    def _leave(self) -> None:
        self._at.frame = None
        self._stages.pop(threading.get_ident(), None)

    def stage_of(self, ident: int | None) -> str:
        """Return the stage that a thread (threading.get_ident()) is in; empty: at no frame."""
        return self._stages.get(ident or 0, "")

    def frames(self) -> list[list[Lap]]:
        """Return the laps of the last frames that the device is done with, the oldest first."""
        with self._lock:
            while self._pending and self._pending[0].over:
                self._done.append(self._pending.popleft().laps())
            return list(self._done)

    def medians(self) -> list[Lap]:
        """Return every stage's median over the last frames that had it, in a frame's order."""
        return medians(self.frames())


def _cuda_mark(device: torch.device) -> Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record(torch.cuda.current_stream(device))
    return event


def medians(frames: Sequence[Sequence[Lap]]) -> list[Lap]:
    """Return every stage's median over the frames that had it, in their order.

    What a frame begins again, as one of several cameras does, is added up.
    """
    sums = [_sums(laps) for laps in frames]
    # The frames with most stages come first, so that a stage that few have finds its place.
    order = dict.fromkeys(stage for laps in sorted(sums, key=len, reverse=True) for stage in laps)
    return [_median([laps[stage] for laps in sums if stage in laps]) for stage in order]


def _sums(laps: Sequence[Lap]) -> dict[str, Lap]:
    sums: dict[str, Lap] = {}
    for lap in laps:
        before = sums.get(lap.stage)
        sums[lap.stage] = lap if before is None else _added(before, lap)
    return sums


def _added(one: Lap, other: Lap) -> Lap:
    device_ms = None
    if one.device_ms is not None and other.device_ms is not None:
        device_ms = one.device_ms + other.device_ms
    return Lap(one.stage, one.host_ms + other.host_ms, device_ms)


def _median(laps: Sequence[Lap]) -> Lap:
    devices_ms = [lap.device_ms for lap in laps if lap.device_ms is not None]
    host_ms = statistics.median(lap.host_ms for lap in laps)
    return Lap(laps[0].stage, host_ms, statistics.median(devices_ms) if devices_ms else None)


def _lap(begin: _Mark, end: _Mark) -> Lap:
    host_ms = 1e3 * (end.time_s - begin.time_s)
    if begin.event is None or end.event is None:
        return Lap(begin.stage, host_ms)
    return Lap(begin.stage, host_ms, begin.event.elapsed_time(end.event))
