"""Time calls fairly: after a warm-up, in turn, on any device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

Series = npt.NDArray[np.float64]
"""One number per round. Sums and ratios of series compare equal rounds."""


class Spread(NamedTuple):
    """Median and quartiles of a series."""

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

    So a change of the machine's load affects all calls equally, and each call finds the caches as
    the previous ones left them, as in a node.
    """

    def __init__(self, device: torch.device, repeats: int, warm_up: int) -> None:
        self._device, self._repeats, self._warm_up = device, repeats, warm_up

    @torch.inference_mode()
    def measure(self, calls: Mapping[str, Callable[[], object]]) -> dict[str, Series]:
        """Return milliseconds per call and round, without the warm-up rounds."""
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
