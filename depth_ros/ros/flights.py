"""The frames between the thread that launches them and the one that publishes them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Flights(Generic[Item]):
    """Hands items over in order, so many at most between the begin of one's launch and its end.

    A place is there before the image is taken that will need it: the newest one, and not one that
    would grow old here.

    Args:
        most: how many there may be at once: those that are launched, that wait, that are taken.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._launching = self._taken = 0
        self._items: deque[Item] = deque()
        self._closed = self._ended = False
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for a place, and hold it inside, where put() fills it; once closed, do not wait."""
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
        """Hand over what was launched; return whether anybody will take it."""
        with self._changed:
            if not self._ended:
                self._items.append(item)
                self._changed.notify_all()
            return not self._ended

    @contextmanager
    def take(self) -> Iterator[Item | None]:
        """Wait for the next item, and work on it inside; None: none will come any more."""
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
        """Let nobody wait for a place: nothing is to be launched any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def end(self) -> None:
        """Let take() give None when it has given what was put: nothing more is."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def left(self) -> list[Item]:
        """Return what nobody took, and let nobody take it."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            return items

    def _count(self) -> int:
        return self._launching + len(self._items) + self._taken
