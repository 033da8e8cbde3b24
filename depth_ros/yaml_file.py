"""YAML files of unknown origin: regular files whose aliases do not expand without bound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from depth_ros.input_files import regular


def load(path: Path) -> Any:
    """Return the content of a YAML file, in Python's own types.

    Raises:
        OSError: the file cannot be read, or is not regular.
        ValueError: its aliases repeat values until there are more of them than bytes in the file.
            A few lines would become gigabytes as soon as the content is printed.
        YAMLError, RecursionError: it is not YAML.
    """
    content = YAML(typ="safe").load(regular(path))
    _check_size(content, path.stat().st_size)
    return content


def _check_size(content: Any, limit: int) -> None:
    """Raise an error if there are more values than the limit, with each alias's values counted."""
    count, left = 0, [content]
    while left:
        value = left.pop()
        count += 1
        if count > limit:
            raise ValueError(f"its aliases expand to more values than its {limit} bytes")
        if isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, (list, tuple, set)):
            left += value
