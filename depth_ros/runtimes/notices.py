"""Messages of a runtime for the user."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Notices:
    """Passes messages from any thread to one listener; keeps them until there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._listener: Callable[[str], object] | None = None

    def report(self, text: str) -> None:
        """Pass a message to the listener, now or as soon as there is one."""
        with self._lock:
            listener = self._listener
            if listener is None:
                self._waiting.append(text)
        if listener is not None:
            listener(text)

    def listen(self, listener: Callable[[str], object]) -> None:
        """Pass waiting and future messages to this listener."""
        with self._lock:
            self._listener, waiting, self._waiting = listener, self._waiting, []
        for text in waiting:
            listener(text)
