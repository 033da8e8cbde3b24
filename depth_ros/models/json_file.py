"""A file of JSON that holds one object."""

from __future__ import annotations

import json
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from depth_ros.errors import ModelError
from depth_ros.input_files import regular

_MOST, _MOST_LAYERS = 16384, 256
"""Of any size in a configuration, and of layers: several times those of published networks."""


def read(path: Path) -> dict[str, Any]:
    """Return the object that a file of JSON holds.

    Raises:
        ModelError: it is no file, no JSON, or holds something else.
    """
    try:
        held = json.loads(regular(path).read_text(encoding="utf-8"))
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
        counts = field.endswith(("layers", "depths", "blocks")) and not field.startswith("dim")
        most = _MOST_LAYERS if counts else _MOST
        if not -_MOST <= said <= most:
            raise ModelError(f"{place}: {field} is {said}, expected at most {most}")


def check_field(name: str, value: object, default: object) -> None:
    """Refuse a field of a configuration that is not of its default's kind.

    Args:
        name: of the field.
        value: what config.json says.
        default: the dataclass's, MISSING where it has none: then a dictionary is expected.

    Raises:
        ModelError: it is of another kind, or a number that is not positive, or far too large.
    """
    kind = dict if default is MISSING else type(default)
    right = isinstance(value, (int, float) if kind is float else kind)
    if kind in (int, float):
        right = right and not isinstance(value, bool) and 0 < value <= _MOST  # type: ignore[operator]
    if not right:
        raise ModelError(f"config.json: {name} is {value!r}, expected {kind.__name__}")
