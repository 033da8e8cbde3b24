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
    """What is timed."""

    def one(self) -> None:
        """Do it once; the result may still be on its way."""

    def row(self, count: int) -> None:
        """Do it so many times without waiting for a result that is not needed yet."""


class Call:
    """A function as a job: a row is one call after the other."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call

    def one(self) -> None:
        """Call it."""
        self._call()

    def row(self, count: int) -> None:
        """Call it again and again."""
        for _ in range(count):
            self._call()


class Times(NamedTuple):
    """Milliseconds per call: with the device waited for after each, and after a row of them."""

    one: Spread
    row: Spread

    def text(self) -> str:
        """Return both to read."""
        return f"{spread_text(self.one):>24}{spread_text(self.row):>24}"

    def as_json(self) -> dict[str, Any]:
        """Return both for programs."""
        return {"one_by_one_ms": self.one._asdict(), "in_a_row_ms": self.row._asdict()}


def spread_text(spread: Spread) -> str:
    """Return median and quartiles."""
    return f"{spread.median:.2f} [{spread.low:.2f}, {spread.high:.2f}]"


def measure(job: Job, device: Device, seconds: float) -> Times:
    """Time a job, for about so long each way; it is run once before."""
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
