"""The lights of a room: lamps under its ceiling, its windows, the sun."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.training.rooms.materials import Material
from depth_ros.training.rooms.palette import Palette
from depth_ros.training.rooms.piece import block
from depth_ros.training.rooms.plan import Space, Wall
from depth_ros.training.rooms.room import Cylinder, Gate, Light, Part, Vector

_MAX_LIGHTS = 4
_SUN_M = 30.0


class Illumination:
    """Collects the lights of a room.

    Args:
        rng: random generator.
        palette: materials of the lamps.
        rich: several soft and coloured lights; otherwise one lamp.
    """

    def __init__(self, rng: np.random.Generator, palette: Palette, rich: bool) -> None:
        self.rng, self.palette, self._rich = rng, palette, rich
        self.night = bool(rng.random() < 0.2)
        self.lights: list[Light] = []
        self._level = 0.0

    def _add(self, light: Light) -> None:
        if len(self.lights) < _MAX_LIGHTS:
            self.lights.append(light)
            share = 0.3 if math.isinf(light.falloff_m) else 1.0  # the sun lights a patch only
            self._level += share * float(np.mean(light.colour))

    def brightness(self) -> float:
        """Return the brightness of the view through a window."""
        return 0.03 if self.night else float(self.rng.uniform(1.2, 4.0))

    def window(self, wall: Wall, along: float, half: float, z: tuple[float, float]) -> None:
        """Add a window's daylight, and sometimes the sun; nothing at night."""
        rng = self.rng
        if self.night or not self._rich:
            return
        cos, sin = math.cos(wall.yaw), math.sin(wall.yaw)
        middle = (z[0] + z[1]) / 2
        area_m2 = 2 * half * (z[1] - z[0])
        sky = np.array((0.85, 0.95, 1.1)) * rng.uniform(1.0, 2.5) * area_m2
        centre = (*wall.at(along, 0.2), middle)  # before sill and curtains
        # a x b points into the room.
        a, b = (-cos * half, -sin * half, 0.0), (0.0, 0.0, (z[1] - z[0]) / 2)
        self._add(Light(centre, a, b, _vector(sky), 1.5, directed=True))
        if rng.random() < 0.45:
            self._sun(wall, along, half, z)

    def _sun(self, wall: Wall, along: float, half: float, z: tuple[float, float]) -> None:
        rng = self.rng
        start = np.array((*wall.at(along), (z[0] + z[1]) / 2))
        sideways, steep = rng.uniform(-0.9, 0.9), rng.uniform(0.3, 1.1)
        there = np.array((*wall.at(along + sideways * _SUN_M, -_SUN_M), start[2] + steep * _SUN_M))
        axis = 1 if abs(math.cos(wall.yaw)) > 0.5 else 0
        ends = sorted((wall.at(along - half)[1 - axis], wall.at(along + half)[1 - axis]))
        gate = Gate(axis, wall.at(along)[axis], ends[0], ends[1], z[0], z[1])
        colour = np.array((1.1, 1.0, 0.8)) * rng.uniform(1.5, 5)
        size = (0.2, 0.0, 0.0), (0.0, 0.2, 0.0)
        self._add(Light(_vector(there), *size, _vector(colour), math.inf, gate=gate))

    def lamps(self, spaces: Sequence[Space], height_m: float) -> list[Part]:
        """Return lamps under the ceiling; without daylight, most of them are on."""
        if not self._rich:
            self._add(self._plain(spaces[0], height_m))
            return []
        rng = self.rng
        bright = self._level > 0 and rng.random() < 0.5
        parts: list[Part] = []
        for space in spaces:
            across = space.x[1] - space.x[0]
            count = 1 if across < 5 else 2
            for i in range(count):
                x = space.x[0] + across * (i + float(rng.uniform(0.35, 0.65))) / count
                y = space.y[0] + (space.y[1] - space.y[0]) * float(rng.uniform(0.35, 0.65))
                parts += self._lamp((x, y, height_m), not bright and rng.random() < 0.85)
        if not self.lights:
            x, y = sum(spaces[0].x) / 2, sum(spaces[0].y) / 2
            parts += self._lamp((x, y, height_m), True)
        return parts

    def _plain(self, space: Space, height_m: float) -> Light:
        x, y = (
            (low + high) / 2 + float(self.rng.uniform(-0.3, 0.3)) * (high - low)
            for low, high in (space.x, space.y)
        )
        small = (0.01, 0.0, 0.0), (0.0, 0.01, 0.0)
        falloff_m = float(self.rng.uniform(3, 6))
        return Light((x, y, height_m - 0.15), *small, (1.0, 1.0, 1.0), falloff_m)

    def _lamp(self, at: Vector, lit: bool) -> list[Part]:
        """Return a panel, a round lamp or a pendant that hangs from a place on the ceiling."""
        rng, (x, y, top_m) = self.rng, at
        lit = lit and len(self.lights) < _MAX_LIGHTS
        shade = self.palette.lamp(float(rng.uniform(1.5, 4))) if lit else self.palette.white()
        kind, thick = rng.choice(3, p=(0.35, 0.35, 0.3)), float(rng.uniform(0.02, 0.06))
        if kind == 0:
            half = float(rng.uniform(0.15, 0.6)), float(rng.uniform(0.08, 0.3))
            parts: list[Part] = [block((x, y), half, (top_m - thick, top_m), shade)]
        else:
            radius = float(rng.uniform(0.08, 0.25))
            half = radius * 0.7, radius * 0.7
            pendant = kind == 2 and top_m > 2.5
            parts = (
                self._pendant(at, radius, shade)
                if pendant
                else [Cylinder(x, y, top_m - thick, radius, thick, shade)]
            )
        if lit:
            self._shine((x, y, min(part.z for part in parts) - 0.01), half)
        return parts

    def _pendant(self, at: Vector, radius: float, shade: Material) -> list[Part]:
        (x, y, top_m), high = at, 0.15
        cord_m = min(float(self.rng.uniform(0.3, 0.9)), top_m - 2.0)
        cord = Cylinder(x, y, top_m - cord_m, 0.008, cord_m, self.palette.metal())
        return [cord, Cylinder(x, y, top_m - cord_m - high, radius, high, shade)]

    def _shine(self, at: Vector, half: tuple[float, float]) -> None:
        rng = self.rng
        warm = float(rng.uniform(0, 1))
        colour = np.array((1.0, 1 - 0.2 * warm, 1 - 0.5 * warm)) * rng.uniform(0.7, 1.6)
        size = (half[0], 0.0, 0.0), (0.0, half[1], 0.0)
        self._add(Light(at, *size, _vector(colour), float(rng.uniform(1.8, 4))))

    def ambient(self, walls: Material) -> Vector:
        """Return the ambient light: light reflected by the walls and everything else."""
        if not self._rich:
            return (0.4, 0.4, 0.4)
        mean = np.mean([light.colour for light in self.lights], axis=0)
        tint = mean / mean.mean() * np.sqrt(np.array(walls.colour) + 0.2)
        strength = self.rng.uniform(0.08, 0.3) * (0.4 + 0.6 * min(self._level, 2.5))
        return _vector(tint * strength)


def _vector(values: FloatArray) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))
