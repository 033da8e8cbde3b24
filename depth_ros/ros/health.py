"""Health of the node: counts, rates, latency, and the last error."""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticStatus

_WINDOW_S = 10.0
_LATENCIES = 300
_NOTICE_S = 5.0

Level = tuple[bytes, str]


class Notice:
    """A momentary fault that is still reported for some seconds."""

    def __init__(self) -> None:
        self._text, self._until_s = "", 0.0

    def set(self, text: str) -> None:
        """Record an event."""
        self._text, self._until_s = text, time.monotonic() + _NOTICE_S

    def text(self) -> str:
        """Return the recent event; empty if there is none."""
        return self._text if time.monotonic() < self._until_s else ""


class Health:
    """Counters and windows that the node's threads write and its diagnostics read.

    Times are those of the steady clock: they continue when simulated time stops.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._times: dict[str, deque[float]] = {}
        self._latencies_s: deque[float] = deque(maxlen=_LATENCIES)
        self.last_error = ""
        self.model_failed = False
        self.started_s = time.monotonic()

    def count(self, event: str, times_over: int = 1) -> None:
        """Count an event.

        Messages received: image, camera_info, anchors or anchors/camera_info. Results of an image:
        answered, replaced, unheard (no subscribers), dropped or lost.
        """
        now_s = time.monotonic()
        with self._lock:
            self._counts[event] += times_over
            times = self._times.setdefault(event, deque())
            times.append(now_s)
            while now_s - times[0] > _WINDOW_S:
                times.popleft()

    def total(self, event: str) -> int:
        """Return how often an event was counted."""
        return self._counts[event]

    def add_latency(self, latency_s: float) -> None:
        """Record the time from the arrival of an image to the publication of its last output."""
        with self._lock:
            self._latencies_s.append(latency_s)

    def rate_hz(self, event: str) -> float:
        """Return the mean rate of an event over the last seconds."""
        with self._lock:
            times = [t for t in self._times.get(event, ()) if time.monotonic() - t <= _WINDOW_S]
        if len(times) < 2 or times[-1] == times[0]:
            return 0.0
        return (len(times) - 1) / (times[-1] - times[0])

    def silent_s(self, event: str) -> float:
        """Return the time since an event was last counted, or since the start if shorter."""
        return time.monotonic() - max(self._last_s(event), self.started_s)

    def _last_s(self, event: str) -> float:
        with self._lock:
            times = self._times.get(event)
            return times[-1] if times else 0.0

    def latency_ms(self) -> tuple[float, float]:
        """Return the median and the 95th percentile of recent latencies; zeros if none."""
        with self._lock:
            latencies = sorted(self._latencies_s)
        if not latencies:
            return 0.0, 0.0
        p95 = latencies[min(len(latencies) - 1, round(0.95 * (len(latencies) - 1)))]
        return 1e3 * statistics.median(latencies), 1e3 * p95

    def level(self, state: str, stale_after_s: float, awaited: Sequence[str]) -> Level:
        """Return the diagnostic level and its one-line message.

        Args:
            state: the node's state if it is not active; else empty.
            stale_after_s: longest allowed time without an event.
            awaited: events that are expected periodically.
        """
        if self.model_failed:
            return DiagnosticStatus.ERROR, f"failed: {self.last_error}"
        if state:
            return DiagnosticStatus.OK, state
        for event in awaited:
            if self.silent_s(event) > stale_after_s:
                return DiagnosticStatus.WARN, f"no {event} for {self.silent_s(event):.1f} s"
        good_s = max(self._last_s("answered"), self._last_s("unheard"), self.started_s)
        if self._last_s("dropped") > good_s:
            return DiagnosticStatus.WARN, f"frames are dropped: {self.last_error}"
        return DiagnosticStatus.OK, "running"

    def values(self) -> dict[str, str]:
        """Return counts, rates and latencies as diagnostic values."""
        median_ms, p95_ms = self.latency_ms()
        return {
            "input rate [Hz]": f"{self.rate_hz('image'):.2f}",
            "output rate [Hz]": f"{self.rate_hz('answered'):.2f}",
            "images": str(self.total("image")),
            "answered": str(self.total("answered")),
            "replaced by a newer image": str(self.total("replaced")),
            "lost over DDS": str(self.total("lost")),
            "skipped, no subscriber": str(self.total("unheard")),
            "dropped": str(self.total("dropped")),
            "latency median [ms]": f"{median_ms:.1f}",
            "latency p95 [ms]": f"{p95_ms:.1f}",
            "last error": self.last_error,
        }
