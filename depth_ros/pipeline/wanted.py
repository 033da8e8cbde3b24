"""What is wanted of a frame."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a frame: nothing else is computed, and a GPU makes all of it at once.

    Attributes:
        image: depth, or confidence, of every pixel.
        points: a cloud, see Pipeline.points and Pipeline.cloud.
        colours: depth in colour, see Pipeline.colours.
        relative: the network's own values, before they are metric.
    """

    image: bool = True
    points: bool = False
    colours: bool = False
    relative: bool = False

    @property
    def metric(self) -> bool:
        """Whether anything in metres is wanted."""
        return self.image or self.points or self.colours

    @property
    def anything(self) -> bool:
        """Whether the network has to run."""
        return self.metric or self.relative

    @property
    def points_only(self) -> bool:
        """Whether the pixels between points are of no use."""
        return self.points and not (self.image or self.colours or self.relative)
