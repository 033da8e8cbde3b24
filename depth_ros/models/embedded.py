"""The checkpoints that are part of this package."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the embedded weights, one folder for each checkpoint."""
