"""Checks of files: no pipes and devices, which may block, and names that libraries survive."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def regular(path: Path) -> Path:
    """Return the path of a regular file, or of a link to one.

    Raises:
        OSError: it does not exist, or is a folder, a pipe, a socket or a device.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return path


def is_utf8(path: Path) -> bool:
    """Return whether a path is UTF-8; others crash OpenCV's own functions for files.

    They come from disks that another system wrote. Python reads and writes such files.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:  # of the surrogates that stand for other bytes, see PEP 383
        return False
    return True


def is_special(path: Path) -> bool:
    """Return whether a path exists and is neither a regular file nor a folder."""
    return path.exists() and not path.is_file() and not path.is_dir()
