"""What a user should be told of a runtime, once, whoever listens and whenever they begin to."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Notices:
    """Texts from any thread to one listener; those that came before it are kept for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._listener: Callable[[str], object] | None = None

    def say(self, text: str) -> None:
        """Tell the listener, now or when there is one."""
        with self._lock:
            listener = self._listener
            if listener is None:
                self._waiting.append(text)
        if listener is not None:
            listener(text)

    def listen(self, listener: Callable[[str], object]) -> None:
        """Tell this listener what waits, and from now on what is said."""
        with self._lock:
            self._listener, waiting, self._waiting = listener, self._waiting, []
        for text in waiting:
            listener(text)
