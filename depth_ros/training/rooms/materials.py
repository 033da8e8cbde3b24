"""Materials of a room's surfaces: colours and a pattern with its size in metres."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from depth_ros.arrays import FloatArray

Rgb = tuple[float, float, float]


class Pattern(IntEnum):
    """How a surface's two colours are distributed."""

    PLAIN = 0
    CHECKERS = 1
    STRIPES = 2
    TILES = 3
    PLANKS = 4
    BRICKS = 5
    WOOD = 6
    WEAVE = 7
    PICTURE = 8
    BOOKS = 9
    OUTSIDE = 10


class Material(NamedTuple):
    """A surface.

    Attributes:
        colour: linear reflectances, red, green and blue.
        other: of joints, stripes and the like.
        pattern: distribution of the two colours.
        u_m, v_m: size of the pattern's unit along a face and up it (on the floor: x and y).
        grain: strength of the noise; 0.1 changes the reflectance by up to 10 %.
        grain_m: size of the noise's largest details.
        phase: position of the surface in the noise.
        gloss: strength of highlights.
        glow: emitted light; such a surface receives no light and casts no shadow.
        dirt: strength of stains.
    """

    colour: Rgb
    other: Rgb
    pattern: Pattern = Pattern.PLAIN
    u_m: float = 1.0
    v_m: float = 1.0
    grain: float = 0.05
    grain_m: float = 0.05
    phase: float = 0.0
    gloss: float = 0.0
    glow: float = 0.0
    dirt: float = 0.0

    def row(self) -> FloatArray:
        """Return all numbers in one array, (FIELDS,)."""
        return np.array([*self.colour, *self.other, *self[2:]], np.float64)


FIELDS = 15


def darker(colour: Rgb, by: float) -> Rgb:
    """Return a colour times a factor."""
    return (colour[0] * by, colour[1] * by, colour[2] * by)
