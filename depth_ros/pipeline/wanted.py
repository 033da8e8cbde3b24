"""The outputs that are requested for a frame."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Wanted:
    """The outputs that are requested for a frame; a GPU computes all of them in one graph.

    Attributes:
        image: depth or confidence of every pixel.
        points: a cloud, see Pipeline.points and Pipeline.cloud.
        colours: depth in colour, see Pipeline.colours.
        relative: the network's own values, before they are metric.
        navigation: a navigation cloud or a scan, which depend on the camera's place.
    """

    image: bool = True
    points: bool = False
    colours: bool = False
    relative: bool = False
    navigation: bool = False

    @classmethod
    def of(cls, names: Collection[str]) -> Wanted:
        """Return the outputs with these names of attributes, and no others."""
        return cls(**{field.name: field.name in names for field in fields(cls)})

    @property
    def metric(self) -> bool:
        """Whether an output in metres is wanted."""
        return self.image or self.points or self.colours or self.navigation

    @property
    def anything(self) -> bool:
        """Whether the network has to run."""
        return self.metric or self.relative

    @property
    def points_only(self) -> bool:
        """Whether only points are wanted, so that pixels between them are not needed."""
        return self.points and not (self.image or self.colours or self.relative or self.navigation)
