"""Watchdog thread next to a node's executor: each notices if the other one stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from depth_ros.ros.health import Notice

BEAT_S = 0.25
"""Period at which the executor must call beat()."""

SILENT_S = 1.25
"""After this time without a beat, the executor is reported as stopped."""


class Watch:
    """Calls a function periodically in its own thread, which beat() restarts if it ends.

    Args:
        look: called every BEAT_S, and at once after wake().
        warn: called with a text when this thread ended and was restarted.
    """

    def __init__(self, look: Callable[[], None], warn: Callable[[str], None]) -> None:
        self._look, self._warn = look, warn
        self._notice = Notice()
        self._awake, self._closed = threading.Event(), False
        self._error: BaseException | None = None
        self._beat_s: float | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = self._started()

    def beat(self) -> None:
        """Report that the executor is running."""
        self._beat_s = time.monotonic()
        if self._closed or self._thread is None or self._thread.is_alive():
            return
        text = f"the thread that watches the node ended and was restarted: {self._error!r}"
        self._notice.set(text)
        self._warn(text)
        self._thread = self._started()

    def wake(self) -> None:
        """Call the function at once."""
        self._awake.set()

    def fault(self) -> str:
        """Return the fault of the executor or of this thread; empty if there is none."""
        if self._beat_s is not None and (silent_s := time.monotonic() - self._beat_s) > SILENT_S:
            return f"the executor has not run for {silent_s:.1f} s: it or its timer stopped"
        return self._notice.text()

    def close(self) -> None:
        """Stop the thread; its last call may still be running."""
        self._closed = True
        self._awake.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="depth watch", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        try:
            while not self._closed:
                self._look()
                self._awake.wait(BEAT_S)
                self._awake.clear()
        except BaseException as error:  # beat() reports it
            self._error = error
