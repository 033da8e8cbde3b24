"""Time calls fairly: warmed up, all of them in turn, on whatever device they run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

Series = npt.NDArray[np.float64]
"""One number per round. Sums and ratios of series compare what was measured side by side."""


class Spread(NamedTuple):
    """What is said of a series: its median and quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, series: Series) -> Spread:
        """Summarise a series."""
        low, median, high = np.percentile(series, (25, 50, 75)).tolist()
        return cls(median, low, high)

    @property
    def iqr(self) -> float:
        """The interquartile range."""
        return self.high - self.low


class Timer:
    """Times calls in rounds: every call once per round, in the order given.

    So a change of the machine's load hits all calls alike, and each call finds the caches as its
    forerunners left them, which is how a node runs.
    """

    def __init__(self, device: torch.device, repeats: int, warm_up: int) -> None:
        self._device, self._repeats, self._warm_up = device, repeats, warm_up

    @torch.inference_mode()
    def measure(self, calls: Mapping[str, Callable[[], object]]) -> dict[str, Series]:
        """Return milliseconds per call and round; the rounds of the warm-up are left out."""
        total = self._warm_up + self._repeats
        with tqdm(total=total * len(calls), desc="measure", unit="call", leave=False) as bar:
            rounds = [[self._time_ms(call, bar) for call in calls.values()] for _ in range(total)]
        columns = np.array(rounds[self._warm_up :]).T
        return dict(zip(calls, columns, strict=True))

    def _time_ms(self, call: Callable[[], object], bar: tqdm[object]) -> float:
        self._synchronise()
        start_s = time.perf_counter()
        call()
        self._synchronise()
        taken_ms = 1e3 * (time.perf_counter() - start_s)
        bar.update()
        return taken_ms

    def _synchronise(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
