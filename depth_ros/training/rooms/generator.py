"""Random furnished rooms, from a bathroom to a hall, and where cameras stand in them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from depth_ros.training.rooms import furniture, openings
from depth_ros.training.rooms.furniture import AT_WALLS, IN_THE_MIDDLE, Maker, block
from depth_ros.training.rooms.materials import Palette
from depth_ros.training.rooms.plan import Plan, Rectangle, Space, Wall
from depth_ros.training.rooms.richness import FULL, Richness
from depth_ros.training.rooms.room import (
    Box,
    Cylinder,
    Floats,
    Gate,
    Light,
    Part,
    Photo,
    Room,
    Vector,
    assemble,
    placed,
)

MAX_PARTS = 220
_MAX_LIGHTS = 4
_WALL_M = 0.12


class _Kind(NamedTuple):
    """A kind of room: ranges of length, width and height [m], and how often it comes."""

    length_m: tuple[float, float]
    width_m: tuple[float, float]
    height_m: tuple[float, float]
    weight: float


_KINDS = {
    "living": _Kind((3.5, 7.0), (3.2, 6.0), (2.3, 3.0), 0.2),
    "bedroom": _Kind((2.8, 5.0), (2.6, 4.5), (2.3, 2.8), 0.15),
    "office": _Kind((3.0, 8.0), (2.8, 6.0), (2.4, 3.2), 0.17),
    "kitchen": _Kind((2.4, 5.0), (2.2, 4.5), (2.3, 2.8), 0.13),
    "bathroom": _Kind((1.9, 3.2), (1.8, 2.8), (2.2, 2.6), 0.08),
    "store": _Kind((3.0, 9.0), (2.5, 7.0), (2.5, 4.0), 0.08),
    "corridor": _Kind((5.0, 16.0), (1.2, 2.6), (2.3, 3.0), 0.1),
    "hall": _Kind((8.0, 16.0), (6.0, 12.0), (2.8, 5.0), 0.09),
}


class _Maker:
    """Fills one room."""

    def __init__(self, rng: np.random.Generator, richness: Richness) -> None:
        self.rng, self.richness = rng, richness
        self.palette = Palette(rng, richness.textures)
        weights = [kind.weight for kind in _KINDS.values()]
        self.kind = list(_KINDS)[rng.choice(len(weights), p=np.array(weights) / sum(weights))]
        ranges = _KINDS[self.kind]
        self.height_m = float(rng.uniform(*ranges.height_m))
        self.walls = self.palette.wall()
        length, width = float(rng.uniform(*ranges.length_m)), float(rng.uniform(*ranges.width_m))
        self.lights: list[Light] = []
        self.night = bool(rng.random() < 0.2)
        self.level = 0.0
        self._divide(length, width)

    def _divide(self, length: float, width: float) -> None:
        """Lay out one space, or two with a wall and a doorway between them."""
        rng = self.rng
        if not self.richness.openings or rng.random() < 0.55:
            self.size_m = (length, width, self.height_m)
            self.plan = Plan([Space((-length / 2, length / 2), (-width / 2, width / 2))])
            return
        beyond = float(rng.uniform(1.5, 4.5))
        whole = length + beyond + _WALL_M
        self.size_m = (whole, width, self.height_m)
        wall_x = whole / 2 - beyond - _WALL_M / 2
        y = (-width / 2, width / 2)
        self.plan = Plan(
            [
                Space((-whole / 2, wall_x - _WALL_M / 2), y),
                Space((wall_x + _WALL_M / 2, whole / 2), y),
            ]
        )
        free = width / 2 - openings.DOOR_M[0] / 2 - 0.15
        at = float(rng.uniform(-free, free)) if free > 0 else 0.0
        other = self.walls if rng.random() < 0.5 else self.palette.wall()
        wall = openings.doorway(
            width / 2, self.height_m, at, _WALL_M, other, self.palette.furniture()
        )
        self.plan.parts += placed(wall, wall_x, 0.0, 0.0)
        before = (wall_x - 0.9, wall_x + 0.9, at - 0.5, at + 0.5)
        self.plan.taken.append(Rectangle(*before))

    def open_(self) -> None:
        """Put doors and windows into the walls."""
        rng, palette = self.rng, self.palette
        for space in self.plan.spaces:
            walls = space.walls
            for _ in range(int(rng.integers(0, 4 if self.kind == "corridor" else 2))):
                wall = walls[rng.integers(4)]
                along = self.plan.hang(rng, wall, openings.DOOR_M[0] / 2 + 0.09, 0.8)
                if along is not None:
                    self.plan.parts += placed(
                        openings.door(rng, palette), *wall.at(along), wall.yaw
                    )
            for _ in range(int(rng.choice(3, p=(0.35, 0.45, 0.2)))):
                self._window(walls[rng.integers(4)])

    def _window(self, wall: Wall) -> None:
        rng = self.rng
        outer = np.abs(wall.at(0.0)) - np.array(self.size_m[:2]) / 2
        if np.abs(outer).min() > 1e-6:
            return  # a wall between two spaces
        half = float(rng.uniform(0.3, min(1.4, max(0.4, wall.half * 0.6))))
        low = float(rng.choice((rng.uniform(0.75, 1.1), 0.1), p=(0.85, 0.15)))
        high = float(min(rng.uniform(1.9, 2.3), self.height_m - 0.15))
        along = self.plan.hang(rng, wall, half + 0.2, 0.3)
        if along is None:
            return
        brightness = 0.03 if self.night else float(rng.uniform(1.2, 4.0))
        parts = openings.window(rng, self.palette, half, (low, high), brightness)
        self.plan.parts += placed(parts, *wall.at(along), wall.yaw)
        if not self.night:
            self._daylight(wall, along, half, (low, high))

    def _daylight(self, wall: Wall, along: float, half: float, z: tuple[float, float]) -> None:
        rng = self.rng
        cos, sin = math.cos(wall.yaw), math.sin(wall.yaw)
        middle = (z[0] + z[1]) / 2
        area_m2 = 2 * half * (z[1] - z[0])
        sky = np.array((0.85, 0.95, 1.1)) * rng.uniform(1.0, 2.5) * area_m2
        centre = (*wall.at(along, 0.1), middle)
        # a x b points into the room.
        a, b = (-cos * half, -sin * half, 0.0), (0.0, 0.0, (z[1] - z[0]) / 2)
        self._add(Light(centre, a, b, _vector(sky), 1.5, directed=True))
        if rng.random() < 0.45:
            self._sun(wall, along, half, z)

    def _sun(self, wall: Wall, along: float, half: float, z: tuple[float, float]) -> None:
        rng, far_m = self.rng, 30.0
        start = np.array((*wall.at(along), (z[0] + z[1]) / 2))
        sideways, steep = rng.uniform(-0.9, 0.9), rng.uniform(0.3, 1.1)
        there = np.array((*wall.at(along + sideways * far_m, -far_m), start[2] + steep * far_m))
        axis = 1 if abs(math.cos(wall.yaw)) > 0.5 else 0
        ends = sorted((wall.at(along - half)[1 - axis], wall.at(along + half)[1 - axis]))
        gate = Gate(axis, wall.at(along)[axis], ends[0], ends[1], z[0], z[1])
        colour = np.array((1.1, 1.0, 0.8)) * rng.uniform(1.5, 5)
        size = (0.2, 0.0, 0.0), (0.0, 0.2, 0.0)
        self._add(Light(_vector(there), *size, _vector(colour), math.inf, gate=gate))

    def _add(self, light: Light) -> None:
        if self.richness.lights and len(self.lights) < _MAX_LIGHTS:
            self.lights.append(light)
            self.level += float(np.mean(light.colour)) * (0.3 if math.isinf(light.falloff_m) else 1)

    def furnish(self) -> None:
        """Put pieces at the walls and between them."""
        rng = self.rng
        for space in self.plan.spaces:
            if not self.richness.furniture:
                self._fill(
                    space, (furniture.plain,), (furniture.plain,), int(rng.integers(2, 6)), 2
                )
                continue
            if rng.random() < 0.15:
                piece = furniture.pillar(rng, self.palette, self.height_m)
                self.plan.stand_at_wall(rng, space.walls[rng.integers(4)], piece)
            many = 1.0 + space.area_m2 * rng.uniform(0.15, 0.45)
            at_walls = int(min(many, 9 if space.area_m2 < 40 else 14))
            free = int(min(space.area_m2 * rng.uniform(0.0, 0.12), 5))
            self._fill(space, AT_WALLS[self.kind], IN_THE_MIDDLE[self.kind], at_walls, free)

    def _fill(
        self,
        space: Space,
        at_walls: tuple[Maker, ...],
        between: tuple[Maker, ...],
        count: int,
        free: int,
    ) -> None:
        rng = self.rng
        makers = [(at_walls, True)] * count + [(between, False)] * free
        for choices, at_wall in makers:
            if len(self.plan.parts) > MAX_PARTS * 0.7:
                return
            piece = choices[rng.integers(len(choices))](rng, self.palette)
            before = len(self.plan.parts)
            if at_wall:
                stands = self.plan.stand_at_wall(rng, space.walls[rng.integers(4)], piece)
            else:
                stands = self.plan.stand_free(rng, space, piece)
            if stands and piece.top_m and self.richness.clutter:
                self._put_on(piece, before)

    def _put_on(self, piece: furniture.Piece, first: int) -> None:
        """Put small things on a piece whose parts are those from the first on."""
        rng = self.rng
        origin, reference = self.plan.parts[first], piece.parts[0]
        yaw = origin.yaw if isinstance(origin, Box) else 0.0  # a piece's first part lies straight
        cos, sin = math.cos(yaw), math.sin(yaw)
        x0 = origin.x - (cos * reference.x - sin * reference.y)
        y0 = origin.y - (sin * reference.x + cos * reference.y)
        for _ in range(int(rng.integers(0, 5))):
            x, y = rng.uniform(-0.8, 0.8, 2) * piece.top
            small = [furniture.thing(rng, self.palette, min(0.14, min(piece.top) * 0.6))]
            self.plan.parts += placed(placed(small, x, y, 0.0, piece.top_m), x0, y0, yaw)

    def strew(self) -> None:
        """Hang pictures, lay rugs and cables, and leave things on the floor."""
        rng = self.rng
        for space in self.plan.spaces:
            if rng.random() < 0.7:
                self._skirt(space)
            if rng.random() < 0.12:
                self._beams(space)
            if rng.random() < 0.35:
                self._rug(space)
            for _ in range(int(rng.integers(0, 5))):
                self._picture(space.walls[rng.integers(4)])
            for _ in range(int(rng.integers(0, (1, 4, 12)[rng.integers(3)]))):
                self._drop(space)
            if rng.random() < 0.3:
                self._cable(space)

    def _skirt(self, space: Space) -> None:
        of = self.palette.white() if self.rng.random() < 0.6 else self.palette.furniture()
        height = float(self.rng.uniform(0.05, 0.12))
        for wall in space.walls:
            part = block((0, 0.006), (wall.half - 0.0005, 0.006), (0, height), of)
            self.plan.parts += placed([part], wall.x, wall.y, wall.yaw)

    def _beams(self, space: Space) -> None:
        of = self.palette.furniture()
        deep, half = float(self.rng.uniform(0.1, 0.22)), float(self.rng.uniform(0.04, 0.1))
        middle, reach = sum(space.y) / 2, (space.y[1] - space.y[0]) / 2
        for x in np.arange(space.x[0] + 0.4, space.x[1] - 0.2, self.rng.uniform(0.8, 1.5)):
            at = (self.height_m - deep, self.height_m)
            self.plan.parts.append(block((float(x), middle), (half, reach), at, of))

    def _rug(self, space: Space) -> None:
        rng = self.rng
        half = rng.uniform(0.15, 0.4, 2) * (space.x[1] - space.x[0], space.y[1] - space.y[0])
        half = np.minimum(half, (1.5, 1.0))
        x = rng.uniform(space.x[0] + half[0] + 0.02, space.x[1] - half[0] - 0.02)
        y = rng.uniform(space.y[0] + half[1] + 0.02, space.y[1] - half[1] - 0.02)
        thick = float(rng.uniform(0.006, 0.018))
        self.plan.parts.append(block((x, y), (half[0], half[1]), (0, thick), self.palette.cloth()))

    def _picture(self, wall: Wall) -> None:
        rng = self.rng
        half, rise = rng.uniform(0.1, 0.5), rng.uniform(0.12, 0.45)
        along = self.plan.hang(rng, wall, half + 0.05)
        if along is None:
            return
        middle = rng.uniform(1.3, 1.7)
        z = (middle - rise, min(middle + rise, self.height_m - 0.05))
        parts: list[Part] = [block((0, 0.006), (half, 0.006), z, self.palette.picture())]
        if rng.random() < 0.6:
            frame, wide = self.palette.furniture(), 0.012
            for x in (-half, half):
                parts.append(block((x, 0.012), (wide, 0.012), (z[0] - wide, z[1] + wide), frame))
            for level in z:
                across = (level - wide, level + wide)
                parts.append(block((0, 0.0115), (half - wide, 0.0115), across, frame))
        self.plan.parts += placed(parts, *wall.at(along), wall.yaw)

    def _drop(self, space: Space) -> None:
        """Leave something small on free floor."""
        rng = self.rng
        part = furniture.thing(rng, self.palette, 0.15)
        reach = (
            math.hypot(part.half_length, part.half_width) if isinstance(part, Box) else part.radius
        )
        self.plan.stand_free(rng, space, furniture.Piece([part], reach, reach))

    def _cable(self, space: Space) -> None:
        rng, of = self.rng, self.palette.lacquer()
        x, y = float(rng.uniform(*space.x)), float(rng.uniform(*space.y))
        yaw = float(rng.uniform(0, 2 * math.pi))
        for _ in range(int(rng.integers(3, 8))):
            yaw += float(rng.normal(0, 0.6))
            half = float(rng.uniform(0.08, 0.3))
            dx, dy = math.cos(yaw) * half, math.sin(yaw) * half
            inside = (space.x[0] < x + 2 * dx < space.x[1]) and (
                space.y[0] < y + 2 * dy < space.y[1]
            )
            if not inside:
                return
            self.plan.parts.append(Box(x + dx, y + dy, 0.0, yaw, half, 0.006, 0.01, of))
            x, y = x + 2 * dx, y + 2 * dy

    def illuminate(self) -> None:
        """Hang lamps under the ceiling, most of them on."""
        rng = self.rng
        if not self.richness.lights:
            length, width, height = self.size_m
            x, y = rng.uniform(-0.3, 0.3) * length, rng.uniform(-0.3, 0.3) * width
            at = (float(x), float(y), height - 0.15)
            self.lights = [Light(at, (0.01, 0, 0), (0, 0.01, 0), (1, 1, 1), rng.uniform(3, 6))]
            self.level = 1.0
            return
        bright = self.level > 0 and rng.random() < 0.5
        for space in self.plan.spaces:
            across = space.x[1] - space.x[0]
            count = 1 if across < 5 else 2
            for i in range(count):
                x = space.x[0] + across * (i + rng.uniform(0.35, 0.65)) / count
                y = float(rng.uniform(0.35, 0.65) * (space.y[1] - space.y[0])) + space.y[0]
                self._lamp(float(x), y, lit=not bright and rng.random() < 0.85)
        if not self.lights:
            self._lamp(*_middle(self.plan.spaces[0]), lit=True)

    def _lamp(self, x: float, y: float, lit: bool) -> None:
        rng = self.rng
        lit = lit and len(self.lights) < _MAX_LIGHTS
        shade = self.palette.lamp(float(rng.uniform(1.5, 4))) if lit else self.palette.white()
        kind = rng.choice(3, p=(0.35, 0.35, 0.3))
        drop = float(rng.uniform(0.02, 0.06))
        half = 0.12, 0.12
        if kind == 0:
            half = float(rng.uniform(0.15, 0.6)), float(rng.uniform(0.08, 0.3))
            z = (self.height_m - drop, self.height_m)
            self.plan.parts.append(block((x, y), half, z, shade))
        else:
            radius = float(rng.uniform(0.08, 0.25))
            half = radius * 0.7, radius * 0.7
            if kind == 2 and self.height_m > 2.5:
                cord = self.palette.metal()
                drop = min(float(rng.uniform(0.3, 0.9)), self.height_m - 2.0)
                self.plan.parts.append(Cylinder(x, y, self.height_m - drop, 0.008, drop, cord))
                self.plan.parts.append(
                    Cylinder(x, y, self.height_m - drop - 0.15, radius, 0.15, shade)
                )
                drop += 0.15
            else:
                self.plan.parts.append(Cylinder(x, y, self.height_m - drop, radius, drop, shade))
        if lit:
            warm = float(rng.uniform(0, 1))
            colour = np.array((1.0, 1 - 0.2 * warm, 1 - 0.5 * warm)) * rng.uniform(0.7, 1.6)
            at = (x, y, self.height_m - drop - 0.01)
            light = Light(
                at, (half[0], 0, 0), (0, half[1], 0), _vector(colour), float(rng.uniform(1.8, 4))
            )
            self._add(light)

    def photo(self) -> Photo:
        """Return a camera's settings."""
        rng = self.rng
        if not self.richness.photo:
            return Photo()
        usual = rng.random() < 0.8
        return Photo(
            float(rng.uniform(0.16, 0.36) if usual else rng.uniform(0.05, 0.6)),
            _vector(np.exp(rng.normal(0, 0.08, 3))),
            float(rng.choice((0.0, rng.uniform(0, 0.5)))),
            float(rng.uniform(0.2, 0.75)),
            float(rng.choice((rng.uniform(0.004, 0.02), rng.uniform(0.02, 0.07)), p=(0.7, 0.3))),
            float(rng.uniform(1.8, 2.4)),
        )

    def ambient(self) -> Vector:
        """Return the light from everywhere: what floor, walls and ceiling send back."""
        if not self.richness.lights:
            return (0.4, 0.4, 0.4)
        mean = np.mean([light.colour for light in self.lights], axis=0)
        tint = mean / mean.mean() * np.sqrt(np.array(self.walls.colour) + 0.2)
        strength = self.rng.uniform(0.08, 0.3) * (0.4 + 0.6 * min(self.level, 2.5))
        return _vector(tint * strength)

    def room(self) -> Room:
        """Return what has been made."""
        shell = (self.palette.floor(), self.palette.ceiling(), self.walls)
        parts = self.plan.parts[:MAX_PARTS]
        return assemble(self.size_m, shell, parts, self.lights, self.ambient(), self.photo())


def random_room(rng: np.random.Generator, richness: Richness = FULL) -> Room:
    """Return a furnished room; everything follows from the generator."""
    maker = _Maker(rng, richness)
    if richness.openings:
        maker.open_()
    maker.illuminate()
    maker.furnish()
    if richness.clutter:
        maker.strew()
    return maker.room()


def _middle(space: Space) -> tuple[float, float]:
    return sum(space.x) / 2, sum(space.y) / 2


def _vector(values: Floats) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))
