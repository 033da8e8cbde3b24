"""Files to read: regular ones only. A pipe or a device may block for ever, or never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def regular(path: Path) -> Path:
    """Return the path of a regular file, or of a link to one.

    Raises:
        OSError: it is not there, or is a folder, a pipe, a socket or a device.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file, expected one", str(path))
    return path


def is_special(path: Path) -> bool:
    """Return whether a path is there and is neither a regular file nor a folder."""
    return path.exists() and not path.is_file() and not path.is_dir()
