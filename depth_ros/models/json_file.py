"""A file of JSON that holds one object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from depth_ros.errors import ModelError


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
