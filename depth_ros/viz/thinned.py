"""An even selection from a sequence of unknown length."""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")


class Thinned(Generic[Item]):
    """Keeps every n-th item, starting with the first; n doubles when there are too many.

    Args:
        most: maximum number of items; at least half of it is kept once that many were added.
    """

    def __init__(self, most: int) -> None:
        self.items: list[Item] = []
        self._most, self._every, self._seen = most, 1, 0

    def add(self, item: Item) -> None:
        """Add the next item of the sequence; it is kept or dropped."""
        if self._seen % self._every == 0:
            self.items.append(item)
        self._seen += 1
        if len(self.items) > self._most:
            del self.items[1::2]
            self._every *= 2
