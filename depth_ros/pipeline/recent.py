"""Values of the most recently used cameras."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

_MAX_CAMERAS = 8

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Keeps a value for each of the most recently used cameras, so that memory is bounded."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Return a camera's value; None if there is none."""
        return self._kept.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Keep a camera's value, as the most recently used one."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > _MAX_CAMERAS:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget every camera."""
        self._kept.clear()
