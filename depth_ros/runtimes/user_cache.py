"""Where what takes long to make is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def folder(name: str) -> Path:
    """Return this package's folder of a name, below $XDG_CACHE_HOME or ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "depth_ros" / name
