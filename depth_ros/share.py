"""Paths of the package's launch and config files, for every kind of installation."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def find(name: str) -> Path:
    """Return the path of a shared file, such as config/fastdds.xml.

    Searched in the ament prefixes (colcon), the Python prefix (pip) and the source tree.

    Raises:
        FileNotFoundError: it is in none of them.
    """
    prefixes = [
        *filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)),
        sys.prefix,
    ]
    folders = [Path(prefix, "share", "depth_ros") for prefix in prefixes]
    folders.append(Path(__file__).parents[1])
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{name} is in none of {', '.join(map(str, folders))}")
