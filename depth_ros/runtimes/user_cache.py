"""The user's cache of files that take long to make, such as TensorRT engines."""

from __future__ import annotations

import os
from pathlib import Path


def folder(name: str) -> Path:
    """Return the named cache folder of this package, below $XDG_CACHE_HOME or ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "depth_ros" / name
