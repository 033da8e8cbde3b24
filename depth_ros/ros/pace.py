"""A bag's time, running against the steady clock."""

from __future__ import annotations

import time


class Pace:
    """Runs from now on, from a time of the bag, at a rate: 2 is twice as fast as it was."""

    def __init__(self, start_ns: int, rate: float = 1.0) -> None:
        self._start_ns, self._rate = start_ns, rate
        self._start_s = time.monotonic()

    def now_ns(self) -> int:
        """Return the bag's time."""
        return self._start_ns + round((time.monotonic() - self._start_s) * self._rate * 1e9)

    def left_s(self, time_ns: int) -> float:
        """Return the seconds until a time of the bag; negative when it is over."""
        return (time_ns - self.now_ns()) / 1e9 / self._rate
