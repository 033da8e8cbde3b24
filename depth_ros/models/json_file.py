"""A file of JSON that holds one object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from depth_ros.errors import ModelError

_MOST, _MOST_LAYERS = 16384, 256
"""Of any size in a configuration, and of layers: several times those of published networks."""


def read(path: Path) -> dict[str, Any]:
    """Return the object that a file of JSON holds.

    Raises:
        ModelError: it is no file, no JSON, or holds something else.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(held, dict):
        raise ModelError(f"{path} holds {type(held).__name__}, expected an object of JSON")
    return held


def check_sizes(said: Any, place: Path | str, field: str = "config") -> None:
    """Refuse numbers of which a network would take hours or all of the memory to build.

    Args:
        said: what a configuration holds.
        place: where it lies.
        field: which of its fields this is.

    Raises:
        ModelError: a number is one.
    """
    if isinstance(said, dict):
        for key, value in said.items():
            check_sizes(value, place, key)
    elif isinstance(said, list):
        for value in said:
            check_sizes(value, place, field)
    elif isinstance(said, (int, float)):
        most = _MOST_LAYERS if field.endswith(("layers", "depths", "blocks")) else _MOST
        if not -_MOST <= said <= most:
            raise ModelError(f"{place}: {field} is {said}, expected at most {most}")
