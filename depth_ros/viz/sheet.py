"""Write pictures as a contact sheet (PNG)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_ros.arrays import ImageArray
from depth_ros.evaluation.picture import fit, save
from depth_ros.viz import atomic
from depth_ros.viz.thinned import Thinned

_ROWS = 8


class Sheet:
    """Keeps an even selection of the pictures, and draws eight of them below each other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chosen: Thinned[ImageArray] = Thinned(2 * _ROWS)

    def add(self, stamp_ns: int, picture: ImageArray) -> None:
        """Add the next picture (H, W, 3)."""
        self._chosen.add(picture)

    def close(self) -> None:
        """Write the file; without pictures no file is written."""
        pictures = self._chosen.items
        if not pictures:
            return
        rows = np.linspace(0, len(pictures) - 1, min(_ROWS, len(pictures))).round().astype(int)
        height, width = np.max([picture.shape[:2] for picture in pictures], axis=0)
        sheet = np.vstack([fit(pictures[row], int(width), int(height)) for row in rows])
        save(sheet, atomic.unfinished(self._path))
        atomic.finish(self._path)
