"""Files that are there only when they are whole."""

from __future__ import annotations

from pathlib import Path


def unfinished(path: Path) -> Path:
    """Return where to write a file until finish(); its folder is made, its suffix is the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.stem}.part{path.suffix}")


def finish(path: Path) -> None:
    """Give what was written to unfinished(path) its name, in place of what had it."""
    unfinished(path).replace(path)
