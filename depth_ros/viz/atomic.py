"""Atomic files: they appear under their name only when they are complete."""

from __future__ import annotations

from pathlib import Path


def unfinished(path: Path) -> Path:
    """Return a file's temporary path until finish(), with the same suffix; create its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.stem}.part{path.suffix}")


def finish(path: Path) -> None:
    """Move the file at unfinished(path) to path, and replace an older one."""
    unfinished(path).replace(path)
