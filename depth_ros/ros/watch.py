"""Looks after a node from beside its executor: each notices when the other one stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from depth_ros.ros.diagnostics import Notice

BEAT_S = 0.25
"""How often the executor is to call beat()."""

SILENT_S = 1.25
"""Without a beat for so long, the executor counts as stopped."""


class Watch:
    """Calls a function again and again in a thread of its own, which beat() keeps alive.

    Args:
        look: called every BEAT_S, and at once after wake().
        warn: told in words when this thread has ended and was started anew.
    """

    def __init__(self, look: Callable[[], None], warn: Callable[[str], None]) -> None:
        self._look, self._warn = look, warn
        self._notice = Notice()
        self._awake, self._closed = threading.Event(), False
        self._error: BaseException | None = None
        self._beat_s: float | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = self._started()

    def beat(self) -> None:
        """Say that the executor comes round."""
        self._beat_s = time.monotonic()
        if self._closed or self._thread is None or self._thread.is_alive():
            return
        text = f"the thread that watches the node ended and was started anew: {self._error!r}"
        self._notice.set(text)
        self._warn(text)
        self._thread = self._started()

    def wake(self) -> None:
        """Let it look at once."""
        self._awake.set()

    def fault(self) -> str:
        """Return what is wrong with the executor or with this watch; nothing where all is well."""
        if self._beat_s is not None and (silent_s := time.monotonic() - self._beat_s) > SILENT_S:
            return (
                f"the executor has not come round for {silent_s:.1f} s: it, or its timer, stopped"
            )
        return self._notice.text()

    def close(self) -> None:
        """End; the last look may still be under way."""
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
        except BaseException as error:  # beat() says so
            self._error = error
