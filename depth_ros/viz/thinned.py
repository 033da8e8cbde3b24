"""An even choice of a sequence whose length nobody knows yet."""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")


class Thinned(Generic[Item]):
    """Keeps every n-th item, the first among them; n doubles whenever there are too many.

    Args:
        most: as many are kept at most; half of them at least, once so many have come.
    """

    def __init__(self, most: int) -> None:
        self.items: list[Item] = []
        self._most, self._every, self._seen = most, 1, 0

    def add(self, item: Item) -> None:
        """Take the next item of the sequence, or leave it."""
        if self._seen % self._every == 0:
            self.items.append(item)
        self._seen += 1
        if len(self.items) > self._most:
            del self.items[1::2]
            self._every *= 2
