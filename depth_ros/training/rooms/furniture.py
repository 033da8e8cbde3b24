"""Pieces of furniture, built of boxes and cylinders with the legs and gaps that real ones have.

A piece stands at the origin of a frame of its own, its length along x, its front towards +y.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from depth_ros.training.rooms.materials import Material, Palette
from depth_ros.training.rooms.room import Box, Cylinder, Part, placed


class Piece(NamedTuple):
    """Furniture.

    Attributes:
        parts: in the piece's own frame.
        half_length, half_width: of the floor it takes [m].
        top_m: height of a surface that things can stand on; 0 for none.
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
    """Return a box by its middle, half sizes, and bottom and top."""
    return Box(*center, z[0], 0.0, *half, z[1] - z[0], of)


def _four_legs(
    half: tuple[float, float], thick: float, height: float, of: Material, round_: bool
) -> list[Part]:
    legs: list[Part] = []
    for i in (-1, 1):
        for j in (-1, 1):
            x, y = i * (half[0] - thick), j * (half[1] - thick)
            if round_:
                legs.append(Cylinder(x, y, 0.0, thick, height, of))
            else:
                legs.append(block((x, y), (thick, thick), (0.0, height), of))
    return legs


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
        parts += _four_legs(half, rng.uniform(0.012, 0.04), top_m - thick, legs, rng.random() < 0.2)
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
    """Return a chair; who sits on it looks along +y."""
    half, seat_m = rng.uniform(0.19, 0.25), rng.uniform(0.42, 0.48)
    wood = palette.furniture()
    seat = palette.cloth() if rng.random() < 0.4 else wood
    thick = rng.uniform(0.012, 0.022)
    parts: list[Part] = [block((0, 0), (half, half), (seat_m - 0.04, seat_m), seat)]
    parts += _four_legs((half - 0.005, half - 0.005), thick, seat_m - 0.04, wood, False)
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
    parts += _four_legs((radius * 0.75, radius * 0.75), 0.014, height - 0.04, of, True)
    return Piece(parts, radius, radius)


def office_chair(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a chair on a star of feet."""
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
    """Return a desk with a screen on it and a chair before it."""
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
    # The floor taken lies around the origin: what is before the desk moves it back.
    shift = (reach - plate.half_width) / 2
    return Piece(placed(parts, 0, -shift, 0), plate.half_length, (reach + plate.half_width) / 2)


def shelf(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return open shelves with books and things in them."""
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
    """Return what stands on one board: books, some cartons, or nothing."""
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
        parts += _four_legs((half - 0.02, depth - 0.02), 0.02, foot, metal, False)
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
        *_four_legs((half - 0.02, long - 0.02), 0.03, base - 0.08, wood, False),
    ]
    pillow = palette.cloth()
    for x in (-half / 2, half / 2) if half > 0.65 else (0.0,):
        z = (base + 0.16, base + 0.27)
        parts.append(block((x, -long + 0.28), (min(0.3, half - 0.1), 0.17), z, pillow))
    return Piece(parts, half, long + 0.04)


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
        *_four_legs((half - 0.03, depth - 0.03), 0.025, foot, palette.furniture(), False),
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


def kitchen(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return kitchen units with cupboards hanging over them."""
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


def rack(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a metal rack with boxes on it, as in a store."""
    half, depth, height = rng.uniform(0.4, 1.2), rng.uniform(0.18, 0.35), rng.uniform(1.3, 2.3)
    metal = palette.metal()
    parts = _four_legs((half, depth), 0.018, height, metal, False)
    levels = np.linspace(0.1, height - 0.05, int(rng.integers(3, 6)))
    for level in levels:
        size = half - 0.002, depth - 0.002
        parts.append(block((0, 0), size, (level, level + 0.03), palette.furniture()))
    for low, high in pairwise(levels):
        parts += _row_of_things(rng, palette, half - 0.05, depth, (low + 0.03, high))
    return Piece(parts, half, depth)


def pillar(rng: np.random.Generator, palette: Palette, height_m: float) -> Piece:
    """Return a pillar or chimney breast from the floor to the ceiling."""
    if rng.random() < 0.4:
        radius = rng.uniform(0.1, 0.3)
        return Piece([Cylinder(0, 0, 0, radius, height_m, palette.wall())], radius, radius)
    half = rng.uniform(0.12, 0.6), rng.uniform(0.12, 0.35)
    return Piece([block((0, 0), half, (0, height_m), palette.wall())], *half)


def crate(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return one or two cartons on the floor, one on the other."""
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


def plain(rng: np.random.Generator, palette: Palette) -> Piece:
    """Return a box or a cylinder, as the plain scenes have."""
    height = float(rng.choice((rng.uniform(0.25, 0.8), rng.uniform(0.8, 2.0))))
    if rng.random() < 0.3:
        radius = rng.uniform(0.1, 0.3)
        return Piece([Cylinder(0, 0, 0, radius, height, palette.lacquer())], radius, radius)
    half = rng.uniform(0.15, 0.6), rng.uniform(0.15, 0.45)
    return Piece([block((0, 0), half, (0, height), palette.lacquer())], *half)


def thing(rng: np.random.Generator, palette: Palette, largest_m: float = 0.16) -> Part:
    """Return something small: a box, book, cup or bottle."""
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


Maker = Callable[[np.random.Generator, Palette], Piece]

AT_WALLS: dict[str, tuple[Maker, ...]] = {
    "living": (shelf, cabinet, sofa, sofa, floor_lamp, plant, radiator, table, cabinet),
    "bedroom": (bed, cabinet, cabinet, shelf, desk, chair, plant, radiator),
    "office": (desk, desk, shelf, cabinet, plant, bin_, rack, pole),
    "kitchen": (kitchen, kitchen, cabinet, shelf, bin_, chair, radiator),
    "bathroom": (toilet, basin, bath, cabinet, bin_, radiator, stool),
    "store": (rack, rack, rack, crate, crate, shelf, cabinet, pole),
    "corridor": (cabinet, plant, chair, crate, radiator, shelf, pole, bin_),
    "hall": (cabinet, rack, sofa, plant, pole, bin_, shelf, crate),
}
"""What stands at the walls of each kind of room; what is named twice is twice as likely."""

IN_THE_MIDDLE: dict[str, tuple[Maker, ...]] = {
    "living": (low_table, low_table, dining, chair, sofa, stool),
    "bedroom": (chair, stool, crate, bed),
    "office": (desk, table, office_chair, chair),
    "kitchen": (dining, dining, table, stool),
    "bathroom": (stool, crate),
    "store": (crate, crate, rack, pole, table),
    "corridor": (crate, pole),
    "hall": (dining, table, sofa, rack, pole, crate, chair),
}
"""What stands free in each kind of room."""
