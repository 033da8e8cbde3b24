"""A piece of furniture, and its parts.

A piece is at the origin of its own frame, its length along x, its front towards +y.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from depth_ros.training.rooms.materials import Material
from depth_ros.training.rooms.palette import Palette
from depth_ros.training.rooms.room import Box, Cylinder, Part


class Piece(NamedTuple):
    """Furniture.

    Attributes:
        parts: in the piece's own frame.
        half_length, half_width: of its footprint on the floor [m].
        top_m: height of a surface for objects; 0 for none.
        top: half length and half width of that surface.
    """

    parts: list[Part]
    half_length: float
    half_width: float
    top_m: float = 0.0
    top: tuple[float, float] = (0.0, 0.0)


def block(
    center: tuple[float, float], half: tuple[float, float], z: tuple[float, float], of: Material
) -> Box:
    """Return a box from its centre, half sizes, bottom and top."""
    return Box(*center, z[0], 0.0, *half, z[1] - z[0], of)


def four_legs(
    half: tuple[float, float], thick: float, height: float, of: Material, round_: bool
) -> list[Part]:
    """Return legs at the corners of a rectangle of half sizes, round or square."""
    legs: list[Part] = []
    for i in (-1, 1):
        for j in (-1, 1):
            x, y = i * (half[0] - thick), j * (half[1] - thick)
            if round_:
                legs.append(Cylinder(x, y, 0.0, thick, height, of))
            else:
                legs.append(block((x, y), (thick, thick), (0.0, height), of))
    return legs


def thing(rng: np.random.Generator, palette: Palette, largest_m: float) -> Part:
    """Return a small object: a box, book, cup or bottle."""
    kind = rng.choice(4, p=(0.35, 0.2, 0.25, 0.2))
    yaw = rng.uniform(0, math.pi)
    if kind == 0:
        half = rng.uniform(0.02, largest_m), rng.uniform(0.02, largest_m)
        return Box(0, 0, 0, yaw, *half, rng.uniform(0.02, largest_m * 1.5), palette.carton())
    if kind == 1:
        half_length = rng.uniform(0.08, 0.15)
        return Box(
            0, 0, 0, yaw, half_length, half_length * 0.7, rng.uniform(0.01, 0.06), palette.carton()
        )
    slim = kind == 3
    radius = rng.uniform(0.025, 0.045) if slim else rng.uniform(0.03, largest_m / 2)
    height = rng.uniform(0.15, 0.32) if slim else rng.uniform(0.05, 0.15)
    return Cylinder(0, 0, 0, radius, height, palette.lacquer())
