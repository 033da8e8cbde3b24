"""One run: measures, guards, prints and keeps, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.gpu.device import Device
from benchmarks.gpu.results import Key, Results
from benchmarks.gpu.timing import Job, measure
from depth_ros import runtimes
from depth_ros.errors import one_line

T = TypeVar("T")

_LATE = "the time is up, see --budget"
_LOST = "the GPU is lost to this process since an error before"


class Bench:
    """A run on a device. What fails is told and kept, and the rest goes on.

    Args:
        device: what is measured.
        results: takes what is found.
        path: where they are written, after every step.
        seconds: of each measurement, about.
        budget_s: after this nothing more is begun.

    Attributes:
        seconds: see above.
    """

    def __init__(
        self, device: Device, results: Results, path: Path, seconds: float, budget_s: float
    ) -> None:
        self.device, self.results = device, results
        self._path, self.seconds = path, seconds
        self._end_s = time.monotonic() + budget_s
        self._is_lost = False

    def attempt(self, name: str, step: Callable[[], T], needs_s: float = 0.0) -> T | None:
        """Return what a step returns; None, and why in the results, where it fails.

        Args:
            name: of what cannot be measured then.
            step: one part of the run.
            needs_s: it is not begun when less time is left.
        """
        try:
            reason = self._refusal(needs_s)
            if not reason:
                return step()
        except Exception as error:  # whatever a network, torch or the driver raises
            reason = _why(error)
            self._is_lost |= runtimes.is_lost(error)
        finally:
            self.results.save(self._path)
        self.results.failed[name] = reason
        self.results.save(self._path)
        print(f"failed: {name}: {reason}", flush=True)
        return None

    def remark(self, name: str, text: str) -> None:
        """Keep what is to be known of something that is measured all the same; empty: nothing."""
        if text:
            self.results.remarks[name] = text

    def time(self, key: Key, job: Job) -> None:
        """Time a job, print and keep it."""
        times = measure(job, self.device, self.seconds)
        self.results.times[key] = times
        print(f"{key.text()}{times.text()}", flush=True)

    def _refusal(self, needs_s: float) -> str:
        if self._is_lost:
            return _LOST
        return _LATE if time.monotonic() + needs_s > self._end_s else ""


def _why(error: BaseException) -> str:
    """Return an error in one line, with the one that it came from: what ends a capture hides it."""
    first = error
    while first.__context__ is not None:
        first = first.__context__
    said = one_line(error)[:300]
    return said if first is error else f"{said} (first: {one_line(first)[:300]})"
