"""Furniture other than tables, seats and cupboards.

A piece is at the origin of its own frame, its length along x, its front towards +y.
"""

from __future__ import annotations

import math

import numpy as np

from depth_ros.training.rooms.palette import Palette
from depth_ros.training.rooms.piece import Piece, block, four_legs
from depth_ros.training.rooms.room import Box, Cylinder, Part


def bed(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a bed with its head at -y."""
    half, long = rng.uniform(0.45, 0.9), 1.02
    base = rng.uniform(0.15, 0.32)
    wood, sheet, cover = palette.furniture(), palette.cloth(), palette.cloth()
    parts: list[Part] = [
        block((0, 0), (half, long), (base - 0.08, base), wood),
        block((0, 0), (half - 0.02, long - 0.03), (base, base + 0.16), sheet),
        block((0, 0.3), (half, long - 0.32), (base + 0.02, base + rng.uniform(0.2, 0.26)), cover),
        block((0, -long - 0.02), (half, 0.02), (0, base + rng.uniform(0.3, 0.8)), wood),
        *four_legs((half - 0.02, long - 0.02), 0.03, base - 0.08, wood, False),
    ]
    pillow = palette.cloth()
    for x in (-half / 2, half / 2) if half > 0.65 else (0.0,):
        z = (base + 0.16, base + 0.27)
        parts.append(block((x, -long + 0.28), (min(0.3, half - 0.1), 0.17), z, pillow))
    return Piece(parts, half, long + 0.04)


def kitchen(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return kitchen units with wall cupboards."""
    units = int(rng.integers(2, 5))
    half, depth = units * 0.3, 0.3
    front, top, metal = palette.lacquer(), palette.furniture(), palette.metal()
    parts: list[Part] = [
        block((0, -0.01), (half, depth - 0.01), (0.1, 0.86), front),
        block((0, -0.03), (half - 0.01, depth - 0.04), (0.0, 0.1), metal),
        block((0, 0), (half + 0.01, depth + 0.02), (0.86, 0.9), top),
    ]
    for i in range(units):
        x = -half + 0.3 + 0.6 * i
        parts.append(block((x, depth - 0.01), (0.294, 0.01), (0.11, 0.84), front))
        parts.append(block((x, depth + 0.015), (0.1, 0.008), (0.78, 0.795), metal))
        if rng.random() < 0.75:
            low = 1.4
            parts.append(block((x, -0.13), (0.295, 0.17), (low, 2.1), front))
    return Piece(parts, half + 0.01, depth + 0.02, 0.9, (half, 0.2))


def radiator(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a ribbed radiator."""
    half, height = rng.uniform(0.25, 0.6), rng.uniform(0.4, 0.7)
    white, low = palette.white(), 0.12
    ribs = int(half * 2 / 0.08)
    parts: list[Part] = [
        block((x, 0.0), (0.025, 0.045), (low, low + height), white)
        for x in np.linspace(-half + 0.03, half - 0.03, ribs)
    ]
    for z in (low + 0.03, low + height - 0.06):
        parts.append(block((0, 0), (half, 0.02), (z, z + 0.03), white))
    for x in (-half + 0.03, half - 0.03):
        parts.append(block((x, 0), (0.012, 0.02), (0, low), white))
    return Piece(parts, half, 0.06)


def plant(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a plant in a pot."""
    pot, leaf = palette.carton(), palette.leaves()
    radius, height = rng.uniform(0.1, 0.2), rng.uniform(0.15, 0.4)
    crown = rng.uniform(0.25, 0.9)
    parts: list[Part] = [
        Cylinder(0, 0, 0, radius, height, pot),
        Cylinder(0, 0, height, 0.015, crown * 0.8, palette.furniture()),
    ]
    for _ in range(int(rng.integers(6, 13))):
        # A leaf starts at the stem.
        yaw, half = rng.uniform(0, 2 * math.pi), rng.uniform(0.04, 0.14)
        x, y = math.cos(yaw) * half * 0.95, math.sin(yaw) * half * 0.95
        z = height + crown * rng.uniform(0.15, 0.8)
        size = half, rng.uniform(0.01, 0.07), rng.uniform(0.02, 0.12)
        parts.append(Box(x, y, z, yaw, *size, leaf))
    reach = max(radius, 0.28)
    return Piece(parts, reach, reach)


def floor_lamp(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a lamp on a thin pole."""
    metal, height = palette.metal(), rng.uniform(1.2, 1.8)
    shade = palette.lamp(rng.uniform(1, 3)) if rng.random() < 0.5 else palette.cloth()
    parts: list[Part] = [
        Cylinder(0, 0, 0, 0.14, 0.025, metal),
        Cylinder(0, 0, 0.025, 0.012, height - 0.05, metal),
        Cylinder(0, 0, height - 0.25, rng.uniform(0.12, 0.22), 0.25, shade),
    ]
    return Piece(parts, 0.2, 0.2)


def pole(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a thin pole: a coat stand, or a barrier's post."""
    radius, height = rng.uniform(0.012, 0.05), rng.uniform(0.8, 2.0)
    metal = palette.metal()
    parts: list[Part] = [
        Cylinder(0, 0, 0.02, radius, height, metal),
        Cylinder(0, 0, 0, rng.uniform(0.1, 0.2), 0.02, metal),
    ]
    if rng.random() < 0.5:
        for angle in np.arange(2) * math.pi / 2:
            parts.append(Box(0, 0, height - 0.1, angle, 0.15, 0.008, 0.016, metal))
    return Piece(parts, 0.2, 0.2)


def bin_(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a waste bin."""
    radius = rng.uniform(0.1, 0.2)
    body = Cylinder(0, 0, 0, radius, rng.uniform(0.25, 0.65), palette.lacquer())
    return Piece([body], radius, radius)


def toilet(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a toilet with its cistern at -y."""
    white = palette.white()
    parts: list[Part] = [
        block((0, 0.0), (0.1, 0.2), (0, 0.3), white),
        Cylinder(0, 0.1, 0.3, 0.19, 0.1, white),
        block((0, -0.1), (0.18, 0.14), (0.3, 0.41), white),
        block((0, -0.25), (0.2, 0.09), (0.4, 0.8), white),
    ]
    return Piece(parts, 0.2, 0.34)


def basin(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a washbasin on its foot, with a tap and a mirror's frame."""
    white, metal = palette.white(), palette.metal()
    parts: list[Part] = [
        block((0, 0), (0.3, 0.22), (0.68, 0.84), white),
        Cylinder(0, -0.02, 0, 0.09, 0.68, white),
        block((0, -0.17), (0.012, 0.012), (0.84, 1.0), metal),
        block((0, -0.11), (0.01, 0.07), (0.985, 1.0), metal),
    ]
    return Piece(parts, 0.3, 0.22)


def bath(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a bath: four rims around a hollow."""
    white, half, depth, height = palette.white(), 0.8, 0.37, rng.uniform(0.45, 0.6)
    parts: list[Part] = [block((0, 0), (half - 0.04, depth - 0.04), (0, 0.12), white)]
    for side in (-1, 1):
        parts.append(block((0, side * (depth - 0.03)), (half - 0.06, 0.03), (0, height), white))
        parts.append(block((side * (half - 0.03), 0), (0.03, depth), (0, height), white))
    return Piece(parts, half, depth)


def pillar(rng: np.random.Generator, palette: Palette, height_m: float) -> Piece:
    """Return a pillar or chimney breast from the floor to the ceiling."""
    if rng.random() < 0.4:
        radius = rng.uniform(0.1, 0.3)
        return Piece([Cylinder(0, 0, 0, radius, height_m, palette.wall())], radius, radius)
    half = rng.uniform(0.12, 0.6), rng.uniform(0.12, 0.35)
    return Piece([block((0, 0), half, (0, height_m), palette.wall())], *half)


def plain(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a box or a cylinder, as in the plain scenes."""
    height = float(rng.choice((rng.uniform(0.25, 0.8), rng.uniform(0.8, 2.0))))
    if rng.random() < 0.3:
        radius = rng.uniform(0.1, 0.3)
        return Piece([Cylinder(0, 0, 0, radius, height, palette.lacquer())], radius, radius)
    half = rng.uniform(0.15, 0.6), rng.uniform(0.15, 0.45)
    return Piece([block((0, 0), half, (0, height), palette.lacquer())], *half)
