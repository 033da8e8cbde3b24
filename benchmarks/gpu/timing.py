"""Milliseconds of calls, one by one and in a row."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from benchmarks.gpu.device import Device
from benchmarks.timing import Spread

_FEWEST = 3
_ROWS, _FEWEST_IN_A_ROW = 5, 2


class Job(Protocol):
    """Work to time."""

    def one(self) -> None:
        """Run it once; the device may still be working."""

    def row(self, count: int) -> None:
        """Run it the given number of times, without waiting for results in between."""


class Call:
    """A function as a job: a row is one call after the other."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call

    def one(self) -> None:
        """Call it."""
        self._call()

    def row(self, count: int) -> None:
        """Call it the given number of times."""
        for _ in range(count):
            self._call()


class Times(NamedTuple):
    """Milliseconds per call: synchronised after each one, and after a row of them."""

    one: Spread
    row: Spread

    def text(self) -> str:
        """Return both as text."""
        return f"{spread_text(self.one):>24}{spread_text(self.row):>24}"

    def as_json(self) -> dict[str, Any]:
        """Return both for JSON."""
        return {"one_by_one_ms": self.one._asdict(), "in_a_row_ms": self.row._asdict()}


def spread_text(spread: Spread) -> str:
    """Return median and quartiles."""
    return f"{spread.median:.2f} [{spread.low:.2f}, {spread.high:.2f}]"


def measure(job: Job, device: Device, seconds: float) -> Times:
    """Time a job both ways, for about the given time each, after one run of warm-up."""
    job.one()
    device.synchronise()
    singles_ms = _one_by_one(job, device, seconds)
    calls = 1e3 * seconds / float(np.median(singles_ms))
    count = max(_FEWEST_IN_A_ROW, round(calls / _ROWS))
    rows = max(1, min(_ROWS, round(calls / count)))
    rows_ms = [_timed_ms(lambda: job.row(count), device) / count for _ in range(rows)]
    return Times(Spread.of(np.array(singles_ms)), Spread.of(np.array(rows_ms)))


def _one_by_one(job: Job, device: Device, seconds: float) -> list[float]:
    end_s, singles_ms = time.perf_counter() + seconds, list[float]()
    while len(singles_ms) < _FEWEST or time.perf_counter() < end_s:
        singles_ms.append(_timed_ms(job.one, device))
    return singles_ms


def _timed_ms(call: Callable[[], None], device: Device) -> float:
    start_s = time.perf_counter()
    call()
    device.synchronise()
    return 1e3 * (time.perf_counter() - start_s)
