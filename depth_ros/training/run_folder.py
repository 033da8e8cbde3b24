"""The folder of a training run."""

from __future__ import annotations

from pathlib import Path

from depth_ros.output_paths import OutputFolder


def run_folder(path: Path) -> OutputFolder:
    """Return the folder of a run; begin() marks it, and removes nothing of an earlier run."""
    return OutputFolder(path, "depth_ros train", (), keep=True)
