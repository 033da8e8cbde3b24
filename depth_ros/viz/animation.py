"""Pictures to an animation (gif, webp)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from depth_ros.arrays import ImageArray
from depth_ros.config import Settings
from depth_ros.errors import SettingError
from depth_ros.evaluation.picture import fit
from depth_ros.geometry.colour import colour_table
from depth_ros.viz import atomic
from depth_ros.viz.thinned import Thinned

_MOST = 120  # maximum number of pictures, all in memory until the end
_COLOURS, _OF_DEPTH = 256, 96
_TYPICAL = 8  # pictures that are looked at for colours
_SHORTEST_MS, _LONGEST_MS = 20, 500  # browsers show what is shorter slower
_WEBP = {
    "quality": 55,
    "method": 4,
    "minimize_size": True,
}  # a better method takes ten times as long


class Animation:
    """Keeps an even selection of the pictures; stamps define how long each is shown.

    Args:
        path: a .webp has all colours, any other name is a gif of 256.
        most: so many pictures at most.

    Raises:
        SettingError: Pillow is not installed.
    """

    def __init__(self, path: Path, most: int = _MOST) -> None:
        try:
            from PIL import Image
        except ImportError as error:
            raise SettingError(f"{path} needs Pillow, expected: pip install pillow") from error
        self._image = Image
        self._path = path
        self._chosen: Thinned[tuple[int, ImageArray]] = Thinned(most)

    def add(self, stamp_ns: int, picture: ImageArray) -> None:
        """Add the next picture (H, W, 3)."""
        self._chosen.add((stamp_ns, picture))

    def close(self) -> None:
        """Write the file; without pictures no file is written."""
        if not self._chosen.items:
            return
        stamps_ns, pictures = zip(*self._chosen.items, strict=True)
        height, width = np.max([picture.shape[:2] for picture in pictures], axis=0)
        fitted = [fit(picture, int(width), int(height)) for picture in pictures]
        first, *others = map(self._image.fromarray, fitted)
        how: dict[str, Any] = _WEBP
        if self._path.suffix.lower() != ".webp":
            palette, how = self._palette(fitted), {}
            first, *others = (each.quantize(palette=palette) for each in (first, *others))
        how = {**how, "duration": _durations_ms(stamps_ns), "loop": 0}
        first.save(atomic.unfinished(self._path), save_all=True, append_images=others, **how)
        atomic.finish(self._path)

    def _palette(self, pictures: list[ImageArray]) -> Any:
        """Return a palette of 256 colours for all pictures: those of depth, and the images' own.

        The colours of depth are fixed: chosen by area, those of near depth would be lost.
        """
        few = pictures[:: max(1, len(pictures) // _TYPICAL)]
        typical = self._image.fromarray(np.vstack([picture[::2, ::2] for picture in few]))
        left = _COLOURS - _OF_DEPTH - 1
        own = (typical.quantize(left).getpalette() or [])[: 3 * left]
        table = colour_table(Settings().colour_map).numpy()
        steps = np.linspace(0, len(table) - 1, _OF_DEPTH).round().astype(int)
        palette = self._image.new("P", (1, 1))
        palette.putpalette([*table[steps].flatten().tolist(), *(255, 255, 255), *own])
        return palette


def _durations_ms(stamps_ns: tuple[int, ...]) -> list[int]:
    """Return the duration of each picture; the last has that of the one before."""
    steps_ms = [(after - before) / 1e6 for before, after in pairwise(stamps_ns)] or [_LONGEST_MS]
    return [int(np.clip(step, _SHORTEST_MS, _LONGEST_MS)) for step in [*steps_ms, steps_ms[-1]]][
        : len(stamps_ns)
    ]
