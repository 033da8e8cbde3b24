"""What surfaces are made of: wood, bricks, tiles, cloth, and random colours."""

from __future__ import annotations

import colorsys

import numpy as np

from depth_ros.training.rooms.materials import Material, Pattern, Rgb, darker


class Substances:
    """Draws substances at random.

    Args:
        rng: random generator.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def colour(
        self,
        saturation: tuple[float, float] = (0.0, 0.5),
        value: tuple[float, float] = (0.1, 0.8),
        hue: tuple[float, float] = (0.0, 1.0),
    ) -> Rgb:
        """Return a linear colour; low saturations are more frequent than high ones."""
        low, high = saturation
        share = low + (high - low) * float(self._rng.random()) ** 1.6
        rgb = colorsys.hsv_to_rgb(
            float(self._rng.uniform(*hue)) % 1, share, float(self._rng.uniform(*value))
        )
        return (float(rgb[0]), float(rgb[1]), float(rgb[2]))

    def some(self, low: float, high: float) -> float:
        """Return a number between two, all equally frequent."""
        return float(self._rng.uniform(low, high))

    def wood(self) -> Material:
        """Return wood of a light or dark tree."""
        colour = self.colour((0.25, 0.65), (0.12, 0.65), (0.04, 0.11))
        return Material(
            colour,
            darker(colour, self.some(0.3, 0.8)),
            Pattern.WOOD,
            grain=self.some(0.1, 0.4),
            grain_m=self.some(0.02, 0.08),
            gloss=self.some(0, 0.3),
        )

    def bricks(self) -> Material:
        """Return red or pale bricks with mortar."""
        red = self.colour((0.1, 0.65), (0.25, 0.7), (0.0, 0.08))
        mortar = self.colour((0, 0.1), (0.3, 0.7))
        return Material(red, mortar, Pattern.BRICKS, 0.25, 0.075, 0.25, 0.05)

    def tiles(self, size_m: float) -> Material:
        """Return tiles with joints, or two colours of them."""
        colour = self.colour((0.0, 0.4), (0.2, 0.9))
        kind = Pattern.CHECKERS if self._rng.random() < 0.2 else Pattern.TILES
        return Material(
            colour,
            darker(colour, self.some(0.35, 0.85)),
            kind,
            size_m,
            size_m * (1.0, 1.0, 0.5, 2.0)[self._rng.integers(4)],
            self.some(0.03, 0.2),
            self.some(0.05, 0.4),
            gloss=self.some(0.1, 0.8),
        )

    def cloth(self, value: tuple[float, float]) -> Material:
        """Return a fabric whose colours have this range of values."""
        colour = self.colour((0.0, 0.7), value)
        size_m = self.some(0.01, 0.2)
        return Material(
            colour,
            darker(colour, self.some(0.5, 1.0)),
            (Pattern.WEAVE, Pattern.PLAIN, Pattern.STRIPES)[self._rng.choice(3, p=(0.5, 0.4, 0.1))],
            size_m,
            size_m,
            self.some(0.1, 0.45),
            self.some(0.015, 0.06),
        )
