"""Messages of a runtime for the user."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Notices:
    """Passes messages from any thread to one listener; keeps them until there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, bool]] = []
        self._listen: Callable[[str, bool], object] | None = None

    def report(self, text: str) -> None:
        """Pass a warning to the listener, now or as soon as there is one."""
        self._pass(text, True)

    def inform(self, text: str) -> None:
        """Pass a message that is no warning."""
        self._pass(text, False)

    def listen(
        self, warn: Callable[[str], object], inform: Callable[[str], object] = lambda _: None
    ) -> None:
        """Pass waiting and future messages to these functions: warnings, and other messages."""

        def listener(text: str, is_warning: bool) -> None:
            (warn if is_warning else inform)(text)

        with self._lock:
            self._listen, waiting, self._waiting = listener, self._waiting, []
        for text, is_warning in waiting:
            listener(text, is_warning)

    def _pass(self, text: str, is_warning: bool) -> None:
        with self._lock:
            listen = self._listen
            if listen is None:
                self._waiting.append((text, is_warning))
        if listen is not None:
            listen(text, is_warning)
