"""Random furnished rooms, from a bathroom to a hall, and their cameras."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from depth_ros.training.rooms import fittings, openings
from depth_ros.training.rooms.clutter import Clutter
from depth_ros.training.rooms.furniture import AT_WALLS, IN_THE_MIDDLE, Maker
from depth_ros.training.rooms.illumination import Illumination
from depth_ros.training.rooms.palette import Palette
from depth_ros.training.rooms.plan import Plan, Rectangle, Space, Wall
from depth_ros.training.rooms.richness import FULL, Richness
from depth_ros.training.rooms.room import Photo, Room, assemble, placed

MAX_PARTS = 220
_WALL_M = 0.12


class _Kind(NamedTuple):
    """A kind of room: ranges of length, width and height [m], and its relative frequency."""

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
        self.lights = Illumination(rng, self.palette, richness.lights)
        self._divide(length, width)
        self.clutter = Clutter(rng, self.palette, self.plan, self.height_m)

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
                    self.plan.put(openings.door(rng, palette), wall, along)
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
        parts = openings.window(rng, self.palette, half, (low, high), self.lights.brightness())
        self.plan.put(parts, wall, along)
        self.lights.window(wall, along, half, (low, high))

    def furnish(self) -> None:
        """Put pieces at the walls and between them."""
        rng = self.rng
        for space in self.plan.spaces:
            if not self.richness.furniture:
                self._fill(space, (fittings.plain,), (fittings.plain,), int(rng.integers(2, 6)), 2)
                continue
            if rng.random() < 0.15:
                piece = fittings.pillar(rng, self.palette, self.height_m)
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
                self.clutter.on_top(piece, before)

    def _photo(self) -> Photo:
        """Return a camera's settings."""
        rng = self.rng
        if not self.richness.photo:
            return Photo()
        usual = rng.random() < 0.8
        red, blue = (float(value) for value in np.exp(rng.normal(0, 0.11, 2)))
        return Photo(
            float(rng.uniform(0.16, 0.36) if usual else rng.uniform(0.05, 0.6)),
            (red, 1.0, blue),
            float(rng.choice((0.0, rng.uniform(0, 0.5)))),
            float(rng.uniform(0.3, 0.85)),
            float(rng.choice((rng.uniform(0.004, 0.02), rng.uniform(0.02, 0.07)), p=(0.7, 0.3))),
            float(rng.uniform(1.8, 2.4)),
        )

    def make(self) -> Room:
        """Return the room, with everything that its richness includes."""
        if self.richness.openings:
            self.open_()
        self.plan.parts += self.lights.lamps(self.plan.spaces, self.height_m)
        self.furnish()
        if self.richness.clutter:
            self.clutter.everywhere()
        shell = (self.palette.floor(), self.palette.ceiling(), self.walls)
        lights, ambient = self.lights.lights, self.lights.ambient(self.walls)
        parts = self.plan.parts[:MAX_PARTS]
        return assemble(self.size_m, shell, parts, lights, ambient, self._photo())


def random_room(rng: np.random.Generator, richness: Richness = FULL) -> Room:
    """Return a furnished room, which the random generator determines."""
    return _Maker(rng, richness).make()
