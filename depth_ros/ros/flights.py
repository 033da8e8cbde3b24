"""Queue of frames between the thread that launches them and the one that publishes them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Flights(Generic[Item]):
    """Passes items on in order; the number from launch to publication is limited.

    A worker reserves a place before it takes an image. So it takes the newest image, and none
    becomes old while it waits for a place.

    Args:
        most: maximum number of items at once: being launched, waiting and taken.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._launching = self._taken = 0
        self._items: deque[Item] = deque()
        self._closed = self._ended = False
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for a place and reserve it for put() in the block; do not wait once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._count() < self._most)
            self._launching += 1
        try:
            yield
        finally:
            with self._changed:
                self._launching -= 1
                self._changed.notify_all()

    def put(self, item: Item) -> bool:
        """Add a launched item; return False if nobody will take it."""
        with self._changed:
            if not self._ended:
                self._items.append(item)
                self._changed.notify_all()
            return not self._ended

    @contextmanager
    def take(self) -> Iterator[Item | None]:
        """Wait for the next item, to be processed in the block; None: no more items."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended)
            item = self._items.popleft() if self._items else None
            self._taken += 1
        try:
            yield item
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Stop waiting for places: nothing more will be launched."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def end(self) -> None:
        """Let take() return None after the remaining items: no more will follow."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def left(self) -> list[Item]:
        """Remove and return the items that nobody took."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            return items

    def _count(self) -> int:
        return self._launching + len(self._items) + self._taken
