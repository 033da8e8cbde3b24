"""Tables and seats, with realistic legs and gaps.

A piece is at the origin of its own frame, its length along x, its front towards +y.
"""

from __future__ import annotations

import math

import numpy as np

from depth_ros.training.rooms.palette import Palette
from depth_ros.training.rooms.piece import Piece, block, four_legs
from depth_ros.training.rooms.room import Box, Cylinder, Part, placed


def table(
    rng: np.random.Generator,
    palette: Palette,
    length: tuple[float, float] = (0.7, 2.0),
    height: tuple[float, float] = (0.7, 0.78),
) -> Piece:
    """Return a table on four legs or on one foot."""
    half = rng.uniform(*length) / 2, rng.uniform(0.55, 1.0) / 2
    top_m, thick = rng.uniform(*height), rng.uniform(0.02, 0.05)
    wood, legs = palette.furniture(), palette.furniture() if rng.random() < 0.5 else palette.metal()
    parts: list[Part] = [block((0, 0), half, (top_m - thick, top_m), wood)]
    if rng.random() < 0.75:
        parts += four_legs(half, rng.uniform(0.012, 0.04), top_m - thick, legs, rng.random() < 0.2)
        if rng.random() < 0.5:
            frame = half[0] - 0.03, half[1] - 0.03
            parts.append(block((0, 0), frame, (top_m - thick - 0.08, top_m - thick), legs))
    else:
        foot = min(half) * 0.7
        parts.append(Cylinder(0, 0, 0.02, rng.uniform(0.03, 0.07), top_m - thick - 0.02, legs))
        parts.append(Cylinder(0, 0, 0.0, foot, 0.02, legs))
    return Piece(parts, *half, top_m, half)


def low_table(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a coffee table."""
    return table(rng, palette, (0.6, 1.2), (0.32, 0.5))


def chair(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a chair that faces +y."""
    half, seat_m = rng.uniform(0.19, 0.25), rng.uniform(0.42, 0.48)
    wood = palette.furniture()
    seat = palette.cloth() if rng.random() < 0.4 else wood
    thick = rng.uniform(0.012, 0.022)
    parts: list[Part] = [block((0, 0), (half, half), (seat_m - 0.04, seat_m), seat)]
    parts += four_legs((half - 0.005, half - 0.005), thick, seat_m - 0.04, wood, False)
    back_m = seat_m + rng.uniform(0.35, 0.55)
    y = -half + 0.015
    if rng.random() < 0.5:
        parts.append(block((0, y), (half - 0.01, 0.015), (seat_m + 0.08, back_m), seat))
    else:
        for z in np.linspace(seat_m + 0.12, back_m - 0.07, rng.integers(2, 4)):
            parts.append(block((0, y), (half - 0.03, 0.008), (z, z + 0.06), wood))
    for x in (-half + 0.02, half - 0.02):
        parts.append(block((x, y), (0.013, 0.0135), (seat_m, back_m - 0.005), wood))
    return Piece(parts, half, half, seat_m if rng.random() < 0.2 else 0.0, (half, half * 0.8))


def stool(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a round stool."""
    radius, height = rng.uniform(0.15, 0.2), rng.uniform(0.4, 0.75)
    of = palette.furniture()
    parts: list[Part] = [Cylinder(0, 0, height - 0.04, radius, 0.04, of)]
    parts += four_legs((radius * 0.75, radius * 0.75), 0.014, height - 0.04, of, True)
    return Piece(parts, radius, radius)


def office_chair(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return an office chair with a star base."""
    metal, cloth = palette.metal(), palette.cloth()
    seat_m = rng.uniform(0.42, 0.52)
    feet = [
        Box(0.14 * math.cos(a), 0.14 * math.sin(a), 0.03, a, 0.15, 0.02, 0.04, metal)
        for a in np.arange(5) * 2 * math.pi / 5
    ]
    parts: list[Part] = [
        *feet,
        Cylinder(0, 0, 0.07, 0.028, seat_m - 0.14, metal),
        block((0, 0), (0.24, 0.23), (seat_m - 0.07, seat_m), cloth),
        block((0, -0.24), (0.03, 0.02), (seat_m - 0.05, seat_m + 0.15), metal),
        block((0, -0.22), (0.22, 0.03), (seat_m + 0.12, seat_m + rng.uniform(0.45, 0.7)), cloth),
    ]
    return Piece(parts, 0.3, 0.3)


def dining(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a table with chairs, some pushed under it and some pulled out."""
    middle = table(rng, palette, (1.0, 2.0))
    sitting = chair(rng, palette)
    parts = list(middle.parts)
    half_length, half_width = middle.half_length, middle.half_width
    places = [(x, side) for side in (-1, 1) for x in _spread(half_length - 0.35, 0.65)]
    reach = half_width
    for x, side in places:
        if rng.random() < 0.25:
            continue
        out = half_width + rng.uniform(-0.1, 0.35)
        yaw = (math.pi if side > 0 else 0.0) + rng.normal(0, 0.12)
        parts += placed(sitting.parts, x, side * out, yaw)
        reach = max(reach, out + 0.28)
    return Piece(parts, half_length + 0.05, reach, middle.top_m, middle.top)


def _spread(half: float, apart: float) -> list[float]:
    count = max(1, 1 + int(2 * half / apart))
    return [float(x) for x in np.linspace(-half, half, count)] if count > 1 else [0.0]


def desk(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a desk with a screen and a chair in front."""
    plate = table(rng, palette, (1.1, 1.7))
    parts, metal, top_m = list(plate.parts), palette.metal(), plate.top_m
    back = -plate.half_width
    if rng.random() < 0.8:
        x, half, low = rng.uniform(-0.2, 0.2), rng.uniform(0.2, 0.35), top_m + 0.12
        y = back + 0.15
        parts += [
            block((x, y), (half, 0.012), (low, low + half * 1.15), palette.screen()),
            block((x, y - 0.02), (0.03, 0.008), (top_m, low + 0.1), metal),
            block((x, y), (0.12, 0.08), (top_m, top_m + 0.012), metal),
        ]
    if rng.random() < 0.6:
        drawers = min(0.2, plate.half_length / 3)
        of = palette.furniture()
        x, half_width = plate.half_length - drawers - 0.07, plate.half_width - 0.1
        parts.append(block((x, 0), (drawers, half_width), (0.05, top_m - 0.13), of))
    reach = plate.half_width
    if rng.random() < 0.8:
        sitting = office_chair(rng, palette) if rng.random() < 0.6 else chair(rng, palette)
        y = plate.half_width + rng.uniform(0.05, 0.4)
        parts += placed(sitting.parts, rng.uniform(-0.2, 0.2), y, math.pi + rng.normal(0, 0.5))
        reach = y + 0.3
    # The footprint is centred on the origin, so the chair in front moves the desk back.
    shift = (reach - plate.half_width) / 2
    return Piece(placed(parts, 0, -shift, 0), plate.half_length, (reach + plate.half_width) / 2)


def sofa(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return an armchair or a sofa with cushions."""
    seats = int(rng.integers(1, 4))
    half, depth = seats * 0.3 + 0.18, rng.uniform(0.38, 0.46)
    cloth, foot = palette.cloth(), rng.uniform(0.04, 0.15)
    seat, back = rng.uniform(0.38, 0.46), rng.uniform(0.7, 0.95)
    arm = seat + rng.uniform(0.1, 0.22)
    cushion = palette.cloth() if rng.random() < 0.3 else cloth
    parts: list[Part] = [
        block((0, 0), (half - 0.002, depth - 0.01), (foot, seat - 0.12), cloth),
        block((0, -depth + 0.11), (half - 0.16, 0.11), (foot, back), cloth),
        *four_legs((half - 0.03, depth - 0.03), 0.025, foot, palette.furniture(), False),
    ]
    for x in (-half + 0.08, half - 0.08):
        parts.append(block((x, 0), (0.08, depth), (foot, arm), cloth))
    width = (half - 0.16) / seats
    for i in range(seats):
        x = -half + 0.16 + (2 * i + 1) * width
        parts.append(block((x, 0.1), (width - 0.008, depth - 0.1), (seat - 0.12, seat), cushion))
        if rng.random() < 0.4:
            pillow = palette.cloth()
            parts.append(Box(x, -depth + 0.3, seat, rng.normal(0, 0.25), 0.19, 0.06, 0.36, pillow))
    return Piece(parts, half, depth)
