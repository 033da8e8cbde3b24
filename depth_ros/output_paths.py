"""Output paths of commands, which never remove or overwrite files that they did not write."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from depth_ros.errors import SettingError
from depth_ros.input_files import is_utf8, regular

MARKER = ".depth_ros"
"""The file in an output folder that names the command that made it and the files it wrote."""


def check_file(path: Path, overwrite: bool = False) -> Path:
    """Return the path of a file to write.

    Raises:
        SettingError: it has no name, or one that is not UTF-8; it is a folder or below a file, or
            exists without overwrite.
    """
    if not path.name or path.is_dir():
        raise SettingError(f"'{path}' is a folder, expected the name of a file")
    if not is_utf8(path):
        raise SettingError(f"the name of {path} is not allowed, expected UTF-8")
    check_parents(path)
    if os.path.lexists(path) and not overwrite:  # true for a broken link, too
        raise SettingError(f"{path} already exists, expected another name, or --overwrite")
    return path


@dataclass(frozen=True)
class OutputFolder:
    """The output folder of a command: new, empty, or filled by the same command before.

    Attributes:
        path: the folder.
        command: such as "depth_ros demo".
        names: the files and folders that it writes there.
        keep: whether to keep earlier outputs of other names.
    """

    path: Path
    command: str
    names: tuple[str, ...]
    keep: bool = False

    def check(self) -> None:
        """Check whether begin() is allowed, without changes.

        Raises:
            SettingError: the path is a file, or the folder contains files that the command did not
                write.
        """
        check_parents(self.path)
        if not os.path.lexists(self.path):
            return
        if not self.path.is_dir():
            raise SettingError(f"{self.path} is a file, expected a folder for the output")
        written = self._written()
        if written is None and any(self.path.iterdir()):
            self._refuse(self.path)
        for name in self.names:
            if os.path.lexists(self.path / name) and name not in (written or ()):
                self._refuse(self.path / name)

    def begin(self) -> None:
        """Create the folder, and remove the command's earlier outputs and nothing else.

        With keep, only outputs of the same names are removed.

        Raises:
            SettingError: as check().
            OSError: the folder cannot be created.
        """
        self.check()
        written = self._written() or []
        kept = [name for name in written if self.keep and name not in self.names]
        for name in written:
            if name not in kept:
                _remove(self.path / name)
        self.path.mkdir(parents=True, exist_ok=True)
        content = {"command": self.command, "names": [*kept, *self.names]}
        (self.path / MARKER).write_text(json.dumps(content, indent=2) + "\n")

    def _written(self) -> list[str] | None:
        """Return the command's earlier outputs; None: another command's folder, or none."""
        try:
            content = json.loads(regular(self.path / MARKER).read_text())
            names = [name for name in content["names"] if Path(name).name == name]
            return names if content["command"] == self.command else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _refuse(self, path: Path) -> None:
        raise SettingError(
            f"{path} was not made by {self.command}, which would write there: move it away, "
            "or choose another folder"
        )


def check_parents(path: Path) -> None:
    """Check that a path can be created.

    Raises:
        SettingError: it is below a file.
    """
    for parent in path.parents:
        if os.path.lexists(parent):
            if not parent.is_dir():
                raise SettingError(f"{path} is below {parent}, which is not a folder")
            return


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
