"""A place for the newest item of each of several senders, between threads."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Holds the newest item of each sender that nobody took yet.

    All that wait are taken at once, in the order in which their senders began to wait: so no sender
    waits for another one twice.
    """

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._open = True
        self._changed = threading.Condition()

    def put(self, item: Item, sender: str = "") -> bool:
        """Leave an item; return whether it replaced one of its sender that was never taken."""
        with self._changed:
            replaced = sender in self._items
            self._items[sender] = item  # one that replaces another one has its place
            self._changed.notify()
            return replaced

    def take(self) -> list[Item] | None:
        """Wait for items and take all of them; None once the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or not self._open)
            items, self._items = list(self._items.values()), {}
            return items if self._open else None

    def close(self) -> None:
        """Let take() return None, now and from now on."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
