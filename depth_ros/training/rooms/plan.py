"""A room's floor plan: its spaces and walls, and their occupied parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from depth_ros.training.rooms.piece import Piece
from depth_ros.training.rooms.room import Part, placed

_GAP_M = 0.025  # between furniture and walls
_TRIES = 8


class Space(NamedTuple):
    """A rectangle of floor with walls around it [m]."""

    x: tuple[float, float]
    y: tuple[float, float]

    @property
    def area_m2(self) -> float:
        """Its area."""
        return (self.x[1] - self.x[0]) * (self.y[1] - self.y[0])

    @property
    def walls(self) -> list[Wall]:
        """Its four walls."""
        (left, right), (near, far) = self.x, self.y
        x, y = (left + right) / 2, (near + far) / 2
        across, along = (far - near) / 2, (right - left) / 2
        return [
            Wall(x, near, 0.0, along),
            Wall(x, far, math.pi, along),
            Wall(left, y, -math.pi / 2, across),
            Wall(right, y, math.pi / 2, across),
        ]


class Wall(NamedTuple):
    """A wall: the centre of its base, the yaw that turns +y into the room, half its length."""

    x: float
    y: float
    yaw: float
    half: float

    def at(self, along: float, out: float = 0.0) -> tuple[float, float]:
        """Return the point on the floor at distances along the wall and from it."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return self.x + cos * along - sin * out, self.y + sin * along + cos * out


class Rectangle(NamedTuple):
    """An axis-aligned part of the floor [m]."""

    left: float
    right: float
    near: float
    far: float

    @classmethod
    def around(
        cls, x: float, y: float, yaw: float, half_length: float, half_width: float
    ) -> Rectangle:
        """Return the bounding rectangle of a rotated rectangle."""
        cos, sin = abs(math.cos(yaw)), abs(math.sin(yaw))
        dx, dy = cos * half_length + sin * half_width, sin * half_length + cos * half_width
        return cls(x - dx, x + dx, y - dy, y + dy)

    def meets(self, other: Rectangle) -> bool:
        """Return whether two overlap."""
        apart_x = self.right <= other.left or other.right <= self.left
        return not (apart_x or self.far <= other.near or other.far <= self.near)


@dataclass
class Plan:
    """The layout of a room.

    Attributes:
        spaces: the rooms within the outer walls.
        parts: all shapes so far.
        taken: occupied parts of the floor.
        hung: for each wall, its occupied intervals.
    """

    spaces: Sequence[Space]
    parts: list[Part] = field(default_factory=list)
    taken: list[Rectangle] = field(default_factory=list)
    hung: dict[Wall, list[tuple[float, float]]] = field(default_factory=dict)

    def stand_at_wall(self, rng: np.random.Generator, wall: Wall, piece: Piece) -> bool:
        """Put a piece at a wall if there is space; return whether there was."""
        free = wall.half - piece.half_length - _GAP_M
        if free < 0:
            return False
        for _ in range(_TRIES):
            along = rng.choice((-free, free)) if rng.random() < 0.35 else rng.uniform(-free, free)
            x, y = wall.at(along, piece.half_width + _GAP_M)
            if self._stand(piece, x, y, wall.yaw):
                return True
        return False

    def stand_free(self, rng: np.random.Generator, space: Space, piece: Piece) -> bool:
        """Put a piece somewhere in a space, rotated or not; return whether there was space."""
        for _ in range(_TRIES):
            straight = rng.integers(4) * math.pi / 2
            yaw = straight if rng.random() < 0.6 else rng.uniform(0, 2 * math.pi)
            x, y = rng.uniform(*space.x), rng.uniform(*space.y)
            around = Rectangle.around(x, y, yaw, piece.half_length, piece.half_width)
            inside = (
                min(around.left - space.x[0], space.x[1] - around.right) > _GAP_M
                and min(around.near - space.y[0], space.y[1] - around.far) > _GAP_M
            )
            if inside and self._stand(piece, x, y, yaw):
                return True
        return False

    def _stand(self, piece: Piece, x: float, y: float, yaw: float) -> bool:
        around = Rectangle.around(x, y, yaw, piece.half_length, piece.half_width)
        if any(around.meets(other) for other in self.taken):
            return False
        self.taken.append(around)
        self.parts += placed(piece.parts, x, y, yaw)
        return True

    def put(self, parts: Sequence[Part], wall: Wall, along: float) -> None:
        """Add parts to a wall, at a distance along it."""
        self.parts += placed(parts, *wall.at(along), wall.yaw)

    def hang(
        self, rng: np.random.Generator, wall: Wall, half: float, keep_m: float = 0.0
    ) -> float | None:
        """Occupy a free interval of a wall, and the floor up to keep_m in front of it."""
        free = wall.half - half - 0.05
        for _ in range(_TRIES if free > 0 else 0):
            along = float(rng.uniform(-free, free))
            span = (along - half, along + half)
            floor = Rectangle.around(*wall.at(along, keep_m / 2), wall.yaw, half, keep_m / 2)
            others = self.hung.setdefault(wall, [])
            if any(span[0] < high and low < span[1] for low, high in others):
                continue
            if keep_m and any(floor.meets(other) for other in self.taken):
                continue
            others.append(span)
            if keep_m:
                self.taken.append(floor)
            return along
        return None
