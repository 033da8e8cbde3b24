"""The materials of one room, drawn at random for each kind of surface."""

from __future__ import annotations

import numpy as np

from depth_ros.training.rooms.materials import Material, Pattern, darker
from depth_ros.training.rooms.substances import Substances


class Palette:
    """Draws the materials of one room.

    Args:
        rng: random generator.
        rich: all patterns and noises; otherwise those of the plain scenes.
    """

    def __init__(self, rng: np.random.Generator, rich: bool) -> None:
        self._rng, self._rich = rng, rich
        self._draw = Substances(rng)

    def _finish(self, material: Material) -> Material:
        """Give a material a phase in the noise and, if the palette is not rich, a plain pattern."""
        material = material._replace(phase=float(self._rng.uniform(0, 100)))
        special = material.glow or material.pattern in (Pattern.PICTURE, Pattern.BOOKS)
        if self._rich or special:
            return material
        plain = (Pattern.PLAIN, Pattern.CHECKERS, Pattern.STRIPES, Pattern.TILES)
        size_m = float(self._rng.uniform(0.1, 0.5))
        return Material(
            material.colour,
            darker(material.colour, float(self._rng.uniform(0.6, 0.9))),
            plain[self._rng.choice(4, p=(0.5, 0.15, 0.15, 0.2))],
            size_m,
            size_m,
            phase=material.phase,
        )

    def wall(self) -> Material:
        """Return paint, wallpaper, bricks, tiles or boards."""
        colour = self._draw.colour((0.0, 0.45), (0.35, 0.92))
        kind = self._rng.choice(5, p=(0.52, 0.18, 0.1, 0.12, 0.08))
        paint = Material(
            colour, colour, grain=self._draw.some(0.02, 0.12), grain_m=self._draw.some(0.01, 0.3)
        )
        if kind == 0:
            return self._finish(paint._replace(dirt=self._draw.some(0, 0.15)))
        if kind == 1:
            size_m = self._draw.some(0.04, 0.3)
            paper = paint._replace(
                other=darker(colour, self._draw.some(0.7, 0.95)),
                pattern=(Pattern.STRIPES, Pattern.CHECKERS)[self._rng.integers(2)],
                u_m=size_m,
                v_m=size_m * self._draw.some(0.8, 2),
            )
            return self._finish(paper)
        if kind == 2:
            return self._finish(self._draw.bricks())
        if kind == 3:
            return self._finish(self._draw.tiles(self._draw.some(0.1, 0.3)))
        return self._finish(self._draw.wood()._replace(pattern=Pattern.PLANKS, u_m=2.0, v_m=0.12))

    def floor(self) -> Material:
        """Return planks, tiles, carpet or concrete."""
        kind = self._rng.choice(4, p=(0.35, 0.25, 0.25, 0.15))
        if kind == 0:
            planks = self._draw.wood()._replace(
                pattern=Pattern.PLANKS,
                u_m=self._draw.some(0.6, 1.8),
                v_m=self._draw.some(0.07, 0.2),
            )
            return self._finish(planks._replace(gloss=self._draw.some(0, 0.5)))
        if kind == 1:
            return self._finish(self._draw.tiles(self._draw.some(0.15, 0.6)))
        if kind == 2:
            return self._finish(self._draw.cloth((0.1, 0.6))._replace(dirt=self._draw.some(0, 0.4)))
        grey = self._draw.colour((0.0, 0.1), (0.2, 0.6))
        return self._finish(
            Material(
                grey,
                grey,
                grain=0.2,
                grain_m=self._draw.some(0.1, 0.6),
                dirt=self._draw.some(0, 0.4),
            )
        )

    def ceiling(self) -> Material:
        """Return white paint, or panels."""
        colour = self._draw.colour((0.0, 0.08), (0.65, 0.95))
        paint = Material(colour, darker(colour, 0.6), grain=0.03, grain_m=0.05)
        if self._rng.random() < 0.3:
            paint = paint._replace(pattern=Pattern.TILES, u_m=0.6, v_m=0.6, grain=0.08)
        return self._finish(paint)

    def furniture(self) -> Material:
        """Return wood or lacquer."""
        return self._finish(self._draw.wood()) if self._rng.random() < 0.55 else self.lacquer()

    def lacquer(self) -> Material:
        """Return a smooth coat of any colour."""
        colour = self._draw.colour((0.0, 0.8), (0.04, 0.85))
        gloss = self._draw.some(0, 0.5)
        return self._finish(Material(colour, colour, grain=0.02, grain_m=0.1, gloss=gloss))

    def metal(self) -> Material:
        """Return grey or black metal."""
        colour = self._draw.colour((0.0, 0.1), (0.03, 0.6))
        return self._finish(Material(colour, colour, grain=0.03, gloss=self._draw.some(0.3, 1.0)))

    def white(self) -> Material:
        """Return white lacquer or enamel."""
        colour = self._draw.colour((0.0, 0.06), (0.65, 0.9))
        return self._finish(Material(colour, colour, grain=0.02, gloss=self._draw.some(0, 0.4)))

    def cloth(self) -> Material:
        """Return upholstery or bedding."""
        return self._finish(self._draw.cloth((0.05, 0.85)))

    def carton(self) -> Material:
        """Return a material for small objects: carton, plastic, or a printed pattern."""
        kind = self._rng.choice(4, p=(0.3, 0.4, 0.15, 0.15))
        if kind == 0:
            brown = self._draw.colour((0.4, 0.6), (0.3, 0.55), (0.06, 0.1))
            return self._finish(Material(brown, brown, grain=0.06, grain_m=0.1))
        if kind == 1:
            return self.lacquer()
        printed = (Pattern.STRIPES, Pattern.PICTURE)[kind - 2]
        return self._finish(
            Material(
                self._draw.colour((0, 0.9)),
                self._draw.colour((0, 0.9)),
                printed,
                self._draw.some(0.03, 0.1),
            )
        )

    def picture(self) -> Material:
        """Return a painting, photograph or poster."""
        return self._finish(
            Material(
                self._draw.colour((0.0, 0.9), (0.05, 0.9)),
                self._draw.colour((0.0, 0.9), (0.05, 0.9)),
                Pattern.PICTURE,
                gloss=self._draw.some(0, 0.3),
            )
        )

    def books(self) -> Material:
        """Return a row of spines."""
        return self._finish(
            Material(
                self._draw.colour((0.2, 0.9), (0.1, 0.8)),
                self._draw.colour((0.0, 0.8), (0.2, 0.8)),
                Pattern.BOOKS,
                self._draw.some(0.02, 0.05),
                grain=0.1,
            )
        )

    def leaves(self) -> Material:
        """Return a plant's green."""
        green = self._draw.colour((0.4, 0.8), (0.1, 0.35), (0.22, 0.36))
        return self._finish(Material(green, green, grain=0.7, grain_m=0.06))

    def screen(self) -> Material:
        """Return a display that is off."""
        black = self._draw.colour((0, 0.1), (0.01, 0.03))
        return self._finish(Material(black, black, grain=0.0, gloss=0.8))

    def lamp(self, brightness: float) -> Material:
        """Return a lamp that is on."""
        white = (1.0, 0.97, 0.9)
        return self._finish(Material(white, white, grain=0.0, glow=brightness))

    def outside(self, brightness: float) -> Material:
        """Return the view through a window: ground below, sky above."""
        sky = self._draw.colour((0.0, 0.5), (0.7, 1.0), (0.52, 0.64))
        ground = self._draw.colour((0.1, 0.6), (0.1, 0.5), (0.05, 0.4))
        return self._finish(Material(sky, ground, Pattern.OUTSIDE, grain=0.3, glow=brightness))
