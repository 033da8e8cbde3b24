"""Passes the newest item of each of several senders between threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Holds the newest item of each sender until it is taken.

    Items are taken in the order in which their senders began to wait, so no sender is served twice
    while another one waits. While an item of a sender is processed, its next one is not given out.

    Args:
        replace: called with a new item and the waiting one that it replaces; returns the item that
            is discarded, if any. None: the waiting one is.
    """

    def __init__(self, replace: Callable[[Item, Item], Item | None] | None = None) -> None:
        self._replace = replace or (lambda _new, waiting: waiting)
        self._items: dict[str, Item] = {}
        self._busy: list[frozenset[str]] = []
        self._open = True
        self._changed = threading.Condition()

    def put(self, item: Item, sender: str = "") -> Item | None:
        """Add an item; return the one that is discarded for it, if any.

        This is the sender's previous item, see replace, or, if the mailbox is closed, the item.
        """
        with self._changed:
            if not self._open:
                return item
            waiting = self._items.get(sender)
            self._items[sender] = item  # a replacement keeps the position
            self._changed.notify_all()
            return None if waiting is None else self._replace(item, waiting)

    @contextmanager
    def take(self, most: int | None = None) -> Iterator[list[Item] | None]:
        """Wait for items, to be processed in the block; None once the mailbox is closed.

        Args:
            most: maximum number of senders; None: all.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready() or not self._open)
            senders = frozenset(self._ready()[:most] if self._open else ())
            items = [item for sender, item in self._items.items() if sender in senders]
            for sender in senders:
                del self._items[sender]
            self._busy.append(senders)
        try:
            yield items or None
        finally:
            with self._changed:
                self._busy.remove(senders)
                self._changed.notify_all()

    def close(self) -> list[Item]:
        """Let take() return None from now on; return the items that nobody took."""
        with self._changed:
            self._open = False
            left = list(self._items.values())
            self._items.clear()
            self._changed.notify_all()
            return left

    def _ready(self) -> list[str]:
        """Return the senders with a waiting item and none in process."""
        busy = frozenset().union(*self._busy)
        return [sender for sender in self._items if sender not in busy]
