"""Doors and windows on walls, and walls with a doorway."""

from __future__ import annotations

import numpy as np

from depth_ros.training.rooms.materials import Material
from depth_ros.training.rooms.palette import Palette
from depth_ros.training.rooms.piece import block
from depth_ros.training.rooms.room import Part

DOOR_M = (0.8, 2.05)
"""Width and height of a door."""
_DEEP_M = 0.012


def door(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """Return a closed door on a wall at y = 0; the room is at +y."""
    width, height = DOOR_M
    half, frame = width / 2, palette.white() if rng.random() < 0.5 else palette.furniture()
    leaf, metal = palette.furniture() if rng.random() < 0.6 else palette.white(), palette.metal()
    side = rng.choice((-1, 1)) * (half - 0.09)
    parts: list[Part] = [
        block((0, 0.01), (half, _DEEP_M), (0.005, height), leaf),
        block((side, 0.06), (0.012, 0.04), (1.0, 1.02), metal),
        block((side * 0.84, 0.1), (0.06, 0.01), (1.0, 1.02), metal),
    ]
    for x in (-half - 0.04, half + 0.04):
        parts.append(block((x, 0.02), (0.04, 0.02), (0, height + 0.08), frame))
    parts.append(block((0, 0.02), (half, 0.02), (height, height + 0.08), frame))
    if rng.random() < 0.5:
        for low, high in ((0.2, 0.9), (1.1, 1.85)):
            parts.append(block((0, 0.026), (half - 0.14, 0.006), (low, high), leaf))
    return parts


def window(
    rng: np.random.Generator,
    palette: Palette,
    half: float,
    z: tuple[float, float],
    brightness: float,
) -> list[Part]:
    """Return a window on a wall at y = 0: the view, a frame, a sill; the room is at +y."""
    frame = palette.white() if rng.random() < 0.75 else palette.furniture()
    parts: list[Part] = [block((0, 0.005), (half, 0.005), z, palette.outside(brightness))]
    bars = np.linspace(-half, half, 2 + max(0, round(2 * half / 0.9) - int(rng.integers(2))))
    for x in bars:
        parts.append(block((x, 0.03), (0.025, 0.03), (z[0] - 0.02, z[1] + 0.02), frame))
    levels = list(z)
    if rng.random() < 0.4:
        levels.append(z[0] + 0.65 * (z[1] - z[0]))
    for level in levels:
        parts.append(
            block((0, 0.025), (half + 0.024, 0.025), (level - 0.025, level + 0.025), frame)
        )
    if rng.random() < 0.6:
        parts.append(block((0, 0.09), (half + 0.08, 0.09), (z[0] - 0.06, z[0] - 0.025), frame))
    if rng.random() < 0.4:
        curtain = palette.cloth()
        for side in (-1, 1):
            for fold in range(int(rng.integers(2, 5))):
                x = side * (half + 0.12 - 0.09 * fold)
                deep = 0.1 + 0.02 * (fold % 2)
                parts.append(block((x, deep), (0.044, 0.02), (0.05, z[1] + 0.15), curtain))
    return parts


def doorway(
    half_width: float, height_m: float, at: float, thick: float, of: Material, frame: Material
) -> list[Part]:
    """Return a wall along y at x = 0, with a doorway around y = at."""
    low, high = at - DOOR_M[0] / 2 - 0.05, at + DOOR_M[0] / 2 + 0.05
    parts: list[Part] = []
    for start, end in ((-half_width, low), (high, half_width)):
        if end > start + 0.01:
            middle, reach = (start + end) / 2, (end - start) / 2
            parts.append(block((0, middle), (thick / 2, reach), (0, height_m), of))
    if height_m > DOOR_M[1] + 0.1:
        lintel = (DOOR_M[1] + 0.05, height_m)
        parts.append(block((0, at), (thick / 2, (high - low) / 2), lintel, of))
    for y in (low, high):
        parts.append(block((0, y), (thick / 2 + 0.015, 0.035), (0, DOOR_M[1] + 0.085), frame))
    top = (DOOR_M[1] + 0.015, DOOR_M[1] + 0.085)
    parts.append(block((0, at), (thick / 2 + 0.0145, (high - low) / 2 - 0.035), top, frame))
    return parts
