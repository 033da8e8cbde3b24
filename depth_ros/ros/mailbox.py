"""A place for one item between two threads: the newest wins."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Holds the newest item that nobody took yet."""

    def __init__(self) -> None:
        self._item: Item | None = None
        self._open = True
        self._changed = threading.Condition()

    def put(self, item: Item) -> bool:
        """Leave an item; return whether it replaced one that was never taken."""
        with self._changed:
            replaced = self._item is not None
            self._item = item
            self._changed.notify()
            return replaced

    def take(self) -> Item | None:
        """Wait for an item and take it; None once the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or not self._open)
            item, self._item = self._item, None
            return item if self._open else None

    def close(self) -> None:
        """Let take() return None, now and from now on."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
