"""One run: measure, handle errors, print and store, step by step."""

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
    """A run on a device. Failures are reported and stored, and the rest continues.

    Args:
        device: the device to measure.
        results: collects the results.
        path: file for them, written after every step.
        seconds: approximate time of each measurement.
        budget_s: no step is started after this time.

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
        """Return a step's result; if it fails, None, with the reason in the results.

        Args:
            name: name of the measurement.
            step: one part of the run.
            needs_s: the step is not started if less time is left.
        """
        try:
            reason = self._refusal(needs_s)
            if not reason:
                return step()
        except Exception as error:  # any error of a network, torch or the driver
            reason = _why(error)
            self._is_lost |= runtimes.is_lost(error)
        finally:
            self.results.save(self._path)
        self.results.failed[name] = reason
        self.results.save(self._path)
        print(f"failed: {name}: {reason}", flush=True)
        return None

    def remark(self, name: str, text: str) -> None:
        """Store a remark about a measurement; empty: none."""
        if text:
            self.results.remarks[name] = text

    def time(self, key: Key, job: Job) -> None:
        """Time a job, print and store the result."""
        times = measure(job, self.device, self.seconds)
        self.results.times[key] = times
        print(f"{key.text()}{times.text()}", flush=True)

    def _refusal(self, needs_s: float) -> str:
        if self._is_lost:
            return _LOST
        return _LATE if time.monotonic() + needs_s > self._end_s else ""


def _why(error: BaseException) -> str:
    """Return an error in one line, with its cause, which an aborted capture hides."""
    first = error
    while first.__context__ is not None:
        first = first.__context__
    text = one_line(error)[:300]
    return text if first is error else f"{text} (first: {one_line(first)[:300]})"
