"""Times of each stage of a frame on the host and the device, measured without waiting."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import torch

_FRAMES = 100


class Event(Protocol):
    """An event after all work queued on a device so far, such as torch.cuda.Event."""

    def query(self) -> bool:
        """Return whether the device has reached it."""

    def elapsed_time(self, end_event: Any) -> float:
        """Return the milliseconds from it to another one."""


class Lap(NamedTuple):
    """The times of a stage of one frame.

    Attributes:
        stage: its name.
        host_ms: time of the thread. A device may still be working on the stage afterwards.
        device_ms: time of the device, including idle time before the next stage; None: there is
            no device other than the host.
    """

    stage: str
    host_ms: float
    device_ms: float | None = None

    def text(self) -> str:
        """Return its times in milliseconds, that of the device in brackets."""
        device = "" if self.device_ms is None else f" (device {self.device_ms:.2f})"
        return f"{self.host_ms:.2f}{device}"


class _Timestamp(NamedTuple):
    stage: str
    time_s: float
    event: Event | None


class FrameProfile(NamedTuple):
    """The profile of one frame, which may continue in another thread, see Profile.hand_over().

    Attributes:
        waited_s: how long the frame waited before.
        starts: when its stages began.
        on_device: whether its stages use the device.
    """

    waited_s: float
    starts: list[_Timestamp]
    on_device: bool = True

    @property
    def is_done(self) -> bool:
        """Whether the device has finished its part of the frame."""
        events = [start.event for start in self.starts if start.event is not None]
        return not events or events[-1].query()

    def laps(self) -> list[Lap]:
        """Return its stages."""
        wait = [Lap("wait", 1e3 * self.waited_s)] if self.waited_s else []
        return wait + [_lap(*pair) for pair in pairwise(self.starts)]


class _Thread(threading.local):
    """The profile of the frame that a thread is working on, if any."""

    frame: FrameProfile | None = None


class Profile:
    """Records when the stages of a frame begin; each stage lasts until the next one begins.

    So no time between the first stage and the end is left out. Each thread that works on a frame
    reports its stages; any thread may read them. Outside of frame(), begin() does nothing. A frame
    that continues in another thread is handed over, and remains one frame.

    Args:
        record_event: records an event in the device's work; None: the host does all the work.
        frames: number of latest frames that are kept.
    """

    def __init__(
        self, record_event: Callable[[], Event] | None = None, frames: int = _FRAMES
    ) -> None:
        self._record_event, self._at = record_event, _Thread()
        self._stages: dict[int, str] = {}
        self._lock = threading.Lock()
        self._pending: deque[FrameProfile] = deque(maxlen=frames)
        self._done: deque[list[Lap]] = deque(maxlen=frames)

    @classmethod
    def on(cls, device: torch.device) -> Profile:
        """Return a profile of work on a device."""
        if device.type != "cuda":
            return cls()
        return cls(partial(_cuda_event, device))

    @contextmanager
    def frame(self, waited_s: float = 0.0) -> Iterator[None]:
        """Record the stages of a frame inside this context; they are dropped after an error.

        Args:
            waited_s: how long the frame waited before, which becomes the stage "wait".
        """
        with self.resumed(FrameProfile(waited_s, [])):
            yield

    def hand_over(self, stage: str) -> FrameProfile:
        """End this thread's part of a frame, inside frame().

        Args:
            stage: the frame's stage until the other thread begins another one.

        Returns:
            the argument of resumed() in the other thread.
        """
        self.begin(stage)
        frame = self._at.frame
        assert frame is not None, "there is no frame to hand over outside of frame()"
        self._leave()
        return frame._replace(on_device=False)

    @contextmanager
    def resumed(self, frame: FrameProfile) -> Iterator[None]:
        """Continue inside this context a frame that another thread handed over, see frame().

        Its further stages have no device time: the device is working on another frame.
        """
        self._at.frame = frame
        if frame.starts:
            self._stages[threading.get_ident()] = frame.starts[-1].stage
        try:
            yield
            if self._at.frame is frame and frame.starts:
                self.begin("end")
                with self._lock:
                    self._pending.append(frame)
        finally:
            self._leave()

    def begin(self, stage: str) -> None:
        """Record that a stage begins, which ends the stage before."""
        frame = self._at.frame
        if frame is None or (frame.starts and frame.starts[-1].stage == stage):
            return
        self._stages[threading.get_ident()] = stage
        event = self._record_event() if self._record_event and frame.on_device else None
        frame.starts.append(_Timestamp(stage, time.perf_counter(), event))

    def _leave(self) -> None:
        self._at.frame = None
        self._stages.pop(threading.get_ident(), None)

    def stage_of(self, ident: int | None) -> str:
        """Return the current stage of a thread (threading.get_ident()); empty: no frame."""
        return self._stages.get(ident or 0, "")

    def frames(self) -> list[list[Lap]]:
        """Return the laps of the latest frames that are done, the oldest first."""
        with self._lock:
            while self._pending and self._pending[0].is_done:
                self._done.append(self._pending.popleft().laps())
            return list(self._done)

    def medians(self) -> list[Lap]:
        """Return every stage's median over the latest frames that had it, in a frame's order."""
        return medians(self.frames())


def _cuda_event(device: torch.device) -> Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record(torch.cuda.current_stream(device))
    return event


def medians(frames: Sequence[Sequence[Lap]]) -> list[Lap]:
    """Return every stage's median over the frames that had it, in a frame's order.

    Stages that occur several times in a frame, as with several cameras, are added up.
    """
    sums = [_sums(laps) for laps in frames]
    # Frames with most stages first, so that rare stages get their place in the order.
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


def _lap(begin: _Timestamp, end: _Timestamp) -> Lap:
    host_ms = 1e3 * (end.time_s - begin.time_s)
    if begin.event is None or end.event is None:
        return Lap(begin.stage, host_ms)
    return Lap(begin.stage, host_ms, begin.event.elapsed_time(end.event))
