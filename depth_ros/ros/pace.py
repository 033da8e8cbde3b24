"""Playback time of a bag, by the steady clock."""

from __future__ import annotations

import time


class Pace:
    """Starts now at a time of the bag, and runs at a rate: 2 is twice the recorded speed."""

    def __init__(self, start_ns: int, rate: float = 1.0) -> None:
        self._start_ns, self._rate = start_ns, rate
        self._start_s = time.monotonic()

    def now_ns(self) -> int:
        """Return the bag's time."""
        return self._start_ns + round((time.monotonic() - self._start_s) * self._rate * 1e9)

    def left_s(self, time_ns: int) -> float:
        """Return the seconds until a time of the bag; negative if it is past."""
        return (time_ns - self.now_ns()) / 1e9 / self._rate
