"""Clutter of a room: small objects, rugs, cables, pictures, skirting boards and beams."""

from __future__ import annotations

import math

import numpy as np

from depth_ros.training.rooms.palette import Palette
from depth_ros.training.rooms.piece import Piece, block, thing
from depth_ros.training.rooms.plan import Plan, Space, Wall
from depth_ros.training.rooms.room import Box, Part, placed


class Clutter:
    """Adds clutter to a plan.

    Args:
        rng: random generator.
        palette: its materials.
        plan: the floor plan that it is added to.
        height_m: the room's height.
    """

    def __init__(
        self, rng: np.random.Generator, palette: Palette, plan: Plan, height_m: float
    ) -> None:
        self.rng, self.palette, self.plan, self.height_m = rng, palette, plan, height_m

    def everywhere(self) -> None:
        """Add pictures, rugs, skirting boards, beams, cables, and objects on the floor."""
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
        self.plan.put(parts, wall, along)

    def _drop(self, space: Space) -> None:
        """Put a small object on free floor."""
        rng = self.rng
        part = thing(rng, self.palette, 0.15)
        reach = (
            math.hypot(part.half_length, part.half_width) if isinstance(part, Box) else part.radius
        )
        self.plan.stand_free(rng, space, Piece([part], reach, reach))

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

    def on_top(self, piece: Piece, first: int) -> None:
        """Put small objects on a piece of furniture whose parts begin at index first."""
        rng = self.rng
        origin, reference = self.plan.parts[first], piece.parts[0]
        yaw = origin.yaw if isinstance(origin, Box) else 0.0  # a piece's first part lies straight
        cos, sin = math.cos(yaw), math.sin(yaw)
        x0 = origin.x - (cos * reference.x - sin * reference.y)
        y0 = origin.y - (sin * reference.x + cos * reference.y)
        for _ in range(int(rng.integers(0, 5))):
            x, y = rng.uniform(-0.8, 0.8, 2) * piece.top
            small = [thing(rng, self.palette, min(0.14, min(piece.top) * 0.6))]
            self.plan.parts += placed(placed(small, x, y, 0.0, piece.top_m), x0, y0, yaw)
