"""Where a command may write: it never removes or overwrites what it did not write itself."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from depth_ros.errors import SettingError
from depth_ros.input_files import regular

MARKER = ".depth_ros"
"""The file in an output folder that says which command made it, and what that wrote there."""


def check_file(path: Path, overwrite: bool = False) -> Path:
    """Return the path of a file to write.

    Raises:
        SettingError: it has no name, is a folder, lies below a file, or exists and is to be kept.
    """
    if not path.name or path.is_dir():
        raise SettingError(f"'{path}' is a folder, expected the name of a file")
    _check_parents(path)
    if os.path.lexists(path) and not overwrite:  # a link that leads nowhere is there too
        raise SettingError(f"{path} already exists, expected another name, or --overwrite")
    return path


@dataclass(frozen=True)
class OutputFolder:
    """A folder that a command fills, a new or empty one, or the one that it filled before.

    Attributes:
        path: the folder.
        command: what fills it, such as "depth_ros demo".
        names: the files and folders that it writes there.
        keep: whether what it wrote there before, under other names, stays.
    """

    path: Path
    command: str
    names: tuple[str, ...]
    keep: bool = False

    def check(self) -> None:
        """Look whether begin() may do its work, and change nothing.

        Raises:
            SettingError: the path is a file, or there is something in the folder that the command
                did not write.
        """
        _check_parents(self.path)
        if not os.path.lexists(self.path):
            return
        if not self.path.is_dir():
            raise SettingError(f"{self.path} is not a folder")
        written = self._written()
        if written is None and any(self.path.iterdir()):
            self._refuse(self.path)
        for name in self.names:
            if os.path.lexists(self.path / name) and name not in (written or ()):
                self._refuse(self.path / name)

    def begin(self) -> None:
        """Make the folder, and remove what the command wrote there before, and nothing else.

        With keep that is only what it writes again.

        Raises:
            SettingError: as check().
            OSError: the folder cannot be made.
        """
        self.check()
        written = self._written() or []
        kept = [name for name in written if self.keep and name not in self.names]
        for name in written:
            if name not in kept:
                _remove(self.path / name)
        self.path.mkdir(parents=True, exist_ok=True)
        said = {"command": self.command, "names": [*kept, *self.names]}
        (self.path / MARKER).write_text(json.dumps(said, indent=2) + "\n")

    def _written(self) -> list[str] | None:
        """Return what the command wrote there before; None where the folder is not its own."""
        try:
            said = json.loads(regular(self.path / MARKER).read_text())
            names = [name for name in said["names"] if Path(name).name == name]
            return names if said["command"] == self.command else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _refuse(self, path: Path) -> None:
        raise SettingError(
            f"{path} was not made by {self.command}, which would write there: move it away, "
            "or choose another folder"
        )


def _check_parents(path: Path) -> None:
    for parent in path.parents:
        if os.path.lexists(parent):
            if not parent.is_dir():
                raise SettingError(f"{path} lies below {parent}, which is no folder")
            return


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
