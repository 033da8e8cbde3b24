"""The points of a frame, with what navigation needs to know of each."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from depth_ros.config import Settings
from depth_ros.pipeline.depth_frame import DepthFrame


@dataclass(frozen=True)
class FramePoints:
    """What is known of the points of a frame, (h, w) each.

    Attributes:
        points_m: (h, w, 3) in the optical frame, those beyond range at its end; NaN: no point.
        distance_m: of the points from the camera.
        sigma: one standard deviation of ln depth.
        shape: the same without the scale of the image, which frames in a row have in common.
        solid: whether a surface is seen within range.
        beyond: whether nothing is seen within range.
        heights_m: over the ground; None: unknown.
        margin_m: what a height is uncertain by.
    """

    points_m: Tensor
    distance_m: Tensor
    sigma: Tensor
    shape: Tensor
    solid: Tensor
    beyond: Tensor
    heights_m: Tensor | None = None
    margin_m: Tensor | None = None

    def is_low(self, settings: Settings) -> Tensor:
        """Return the pixels (h, w) that cannot be distinguished from the floor."""
        assert self.heights_m is not None and self.margin_m is not None
        return self.heights_m < settings.nav_min_height_m + self.margin_m


def range_end_m(depth: DepthFrame, settings: Settings) -> float:
    """Return the distance at which range ends for navigation."""
    return min(settings.nav_range_m or math.inf, depth.far_m)
