"""Storage furniture: shelves, cabinets, racks and crates.

A piece is at the origin of its own frame, its length along x, its front towards +y.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from depth_ros.training.rooms.palette import Palette
from depth_ros.training.rooms.piece import Piece, block, four_legs
from depth_ros.training.rooms.room import Box, Part


def shelf(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return open shelves with books and objects."""
    half, depth = rng.uniform(0.3, 0.9), rng.uniform(0.12, 0.22)
    height, thick = rng.uniform(0.7, 2.1), rng.uniform(0.01, 0.02)
    wood = palette.furniture()
    rows = max(2, round(height / rng.uniform(0.3, 0.45)))
    parts: list[Part] = []
    if rng.random() < 0.6:
        parts.append(block((0, -depth + 0.006), (half - 0.003, 0.005), (0.02, height - 0.02), wood))
    for x in (-half, half):
        parts.append(block((x, 0), (thick, depth), (0, height), wood))
    levels = np.linspace(0.06, height - 2 * thick, rows)
    for level in levels:
        edge = half - thick - 0.0005
        parts.append(block((0, 0), (edge, depth - 0.004), (level, level + 2 * thick), wood))
    for low, high in pairwise(levels):
        parts += _row_of_things(rng, palette, half - thick, depth, (low + 2 * thick, high))
    return Piece(parts, half + thick, depth)


def _row_of_things(
    rng: np.random.Generator,
    palette: Palette,
    half: float,
    depth: float,
    z: tuple[float, float],
) -> list[Part]:
    """Return the objects on one board: books, some cartons, or nothing."""
    room_m = z[1] - z[0] - 0.03
    kind = rng.choice(3, p=(0.5, 0.3, 0.2))
    if kind == 2 or room_m < 0.08:
        return []
    if kind == 0:
        width = rng.uniform(0.3, 0.95) * half
        x = rng.choice((-1, 1)) * (half - width) * rng.uniform(0.6, 0.98)
        height = min(room_m, rng.uniform(0.18, 0.3))
        deep = depth * rng.uniform(0.6, 0.8)
        return [
            block((x, deep - depth + 0.03), (width, deep), (z[0], z[0] + height), palette.books())
        ]
    things: list[Part] = []
    x = -half + 0.02
    while x < half - 0.12 and len(things) < 3:
        width = min(rng.uniform(0.04, 0.16), (half - x) / 2 - 0.01)
        height = rng.uniform(0.3, 0.95) * min(room_m, 0.4)
        deep = depth * rng.uniform(0.3, 0.8)
        things.append(block((x + width, 0), (width, deep), (z[0], z[0] + height), palette.carton()))
        x += 2 * width + rng.uniform(0.02, 0.3)
    return things


def cabinet(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a sideboard, wardrobe or chest with doors and handles."""
    tall = rng.random() < 0.4
    half, depth = rng.uniform(0.3, 0.9), rng.uniform(0.18, 0.32)
    height = rng.uniform(1.5, 2.2) if tall else rng.uniform(0.4, 1.1)
    foot = rng.choice((0.0, 0.06, 0.15))
    wood, front, metal = palette.furniture(), palette.furniture(), palette.metal()
    parts: list[Part] = [block((0, 0), (half, depth), (foot, height), wood)]
    if foot > 0.1:
        parts += four_legs((half - 0.02, depth - 0.02), 0.02, foot, metal, False)
    elif foot > 0:
        parts.append(block((0, -0.02), (half - 0.02, depth - 0.04), (0, foot), wood))
    columns, rows = max(1, round(2 * half / 0.45)), 1 if tall else int(rng.integers(1, 4))
    width, rise = 2 * half / columns, (height - foot - 0.02) / rows
    for i in range(columns):
        for j in range(rows):
            x, z = -half + (i + 0.5) * width, foot + 0.01 + j * rise
            gap = 0.006
            front_half = (width / 2 - gap, 0.009)
            parts.append(block((x, depth + 0.009), front_half, (z + gap, z + rise - gap), front))
            grip = z + rise * 0.5
            if rows > 1:
                at, size, up = (x, depth + 0.028), (0.06, 0.008), (grip, grip + 0.012)
            else:
                side = (1 if i % 2 == 0 else -1) * (width / 2 - 0.05)
                at, size, up = (x + side, depth + 0.028), (0.008, 0.008), (grip - 0.06, grip + 0.06)
            parts.append(block(at, size, up, metal))
    top_m = 0.0 if tall else height
    return Piece(parts, half, depth + 0.04, top_m, (half, depth))


def rack(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a metal rack with boxes on it, as in a store."""
    half, depth, height = rng.uniform(0.4, 1.2), rng.uniform(0.18, 0.35), rng.uniform(1.3, 2.3)
    metal = palette.metal()
    parts = four_legs((half, depth), 0.018, height, metal, False)
    levels = np.linspace(0.1, height - 0.05, int(rng.integers(3, 6)))
    for level in levels:
        size = half - 0.002, depth - 0.002
        parts.append(block((0, 0), size, (level, level + 0.03), palette.furniture()))
    for low, high in pairwise(levels):
        parts += _row_of_things(rng, palette, half - 0.05, depth, (low + 0.03, high))
    return Piece(parts, half, depth)


def crate(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a carton on the floor, or two on top of each other."""
    half = rng.uniform(0.1, 0.35), rng.uniform(0.1, 0.3)
    height = rng.uniform(0.1, 0.5)
    parts: list[Part] = [block((0, 0), half, (0, height), palette.carton())]
    if rng.random() < 0.3:
        share = rng.uniform(0.5, 0.9)
        upper = Box(
            0,
            0,
            height,
            rng.normal(0, 0.2),
            half[0] * share,
            half[1] * share,
            rng.uniform(0.1, 0.4),
            palette.carton(),
        )
        parts.append(upper)
    return Piece(parts, *half)
