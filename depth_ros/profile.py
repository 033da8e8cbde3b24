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


class _Pass(NamedTuple):
    """A frame that the thread has done; its device may still be at it."""

    waited_s: float
    marks: list[_Mark]

    @property
    def over(self) -> bool:
        event = self.marks[-1].event
        return event is None or event.query()

    def laps(self) -> list[Lap]:
        wait = [Lap("wait", 1e3 * self.waited_s)] if self.waited_s else []
        return wait + [_lap(*pair) for pair in zip(self.marks[:-1], self.marks[1:], strict=True)]


class _Thread(threading.local):
    """What a thread noted of the frame that it is working on, if it is on one."""

    marks: list[_Mark] | None = None


class Profile:
    """Notes when the stages of a frame begin; each lasts until the next one begins.

    So nothing between the first stage and the end is left out. Each thread that works on a frame
    says where it is; any thread may read. Outside of frame() begin() does nothing.

    Args:
        mark: leaves a mark in the device's work; None where the host does all the work.
        frames: how many of the last ones are kept.
    """

    def __init__(self, mark: Callable[[], Event] | None = None, frames: int = _FRAMES) -> None:
        self._mark, self._at = mark, _Thread()
        self._stages: dict[int, str] = {}
        self._lock = threading.Lock()
        self._pending: deque[_Pass] = deque(maxlen=frames)
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
        marks: list[_Mark] = []
        self._at.marks = marks
        try:
            yield
            if marks:
                self.begin("end")
                with self._lock:
                    self._pending.append(_Pass(waited_s, marks))
        finally:
            self._at.marks = None
            self._stages.pop(threading.get_ident(), None)

    def begin(self, stage: str) -> None:
        """Say that a stage begins, and that another one before is over."""
        marks = self._at.marks
        if marks is None or (marks and marks[-1].stage == stage):
            return
        self._stages[threading.get_ident()] = stage
        event = None if self._mark is None else self._mark()
        marks.append(_Mark(stage, time.perf_counter(), event))

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
