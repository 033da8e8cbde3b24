"""JSON files that contain one object, and checks of their values."""

from __future__ import annotations

import json
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from depth_ros.errors import ModelError
from depth_ros.input_files import regular

_MAX_SIZE, _MAX_LAYERS = 16384, 256
"""Of sizes and numbers of layers in a configuration: several times those of published networks."""


def read(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        ModelError: it is not a file, not JSON, or contains something else.
    """
    try:
        content = json.loads(regular(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} contains {type(content).__name__}, expected a JSON object")
    return content


def check_sizes(value: Any, source: Path | str, field: str = "config") -> None:
    """Refuse numbers with which a network would take hours or all the memory to build.

    Args:
        value: the content of a configuration, or of one field.
        source: the file, for the error message.
        field: the name of the field.

    Raises:
        ModelError: a number is too large.
    """
    if isinstance(value, dict):
        for key, each in value.items():
            check_sizes(each, source, key)
    elif isinstance(value, list):
        for each in value:
            check_sizes(each, source, field)
    elif isinstance(value, (int, float)):
        counts = field.endswith(("layers", "depths", "blocks")) and not field.startswith("dim")
        most = _MAX_LAYERS if counts else _MAX_SIZE
        if not -_MAX_SIZE <= value <= most:
            raise ModelError(f"{source}: {field} is {value}, expected at most {most}")


def check_field(name: str, value: object, default: object) -> None:
    """Refuse a field of a configuration whose type differs from its default's.

    Args:
        name: of the field.
        value: from config.json.
        default: of the dataclass; MISSING: there is none, a dictionary is expected.

    Raises:
        ModelError: it is of another type, or a number that is not positive or far too large.
    """
    kind = dict if default is MISSING else type(default)
    is_valid = isinstance(value, (int, float) if kind is float else kind)
    if kind in (int, float):
        is_valid = is_valid and not isinstance(value, bool)
        is_valid = is_valid and 0 < value <= _MAX_SIZE  # type: ignore[operator]
    if not is_valid:
        raise ModelError(f"config.json: {name} is {value!r}, expected {kind.__name__}")
