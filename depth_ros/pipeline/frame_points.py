"""The points of a frame, with the properties that navigation needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from depth_ros.config import Settings
from depth_ros.geometry.navigation import Points
from depth_ros.pipeline.depth_frame import DepthFrame


@dataclass(frozen=True)
class FramePoints:
    """The points of a frame and their properties, (h, w) each.

    Attributes:
        points_m: in the optical frame, beyond range at maximum range; NaN: no point.
        distance_m: of the points from the camera.
        sigma: one standard deviation of ln depth.
        shape: sigma without the scale error of the image, which consecutive frames share.
        solid: whether a surface is seen within range.
        beyond: whether nothing is seen within range.
        heights_m: above the ground; None: unknown.
        margin_m: uncertainty of the heights; None: unknown.
    """

    points_m: Points
    distance_m: Tensor
    sigma: Tensor
    shape: Tensor
    solid: Tensor
    beyond: Tensor
    heights_m: Tensor | None = None
    margin_m: Tensor | None = None

    def is_low(self, settings: Settings) -> Tensor:
        """Return a mask (h, w) of pixels that cannot be distinguished from the floor."""
        assert self.heights_m is not None and self.margin_m is not None
        return self.heights_m < settings.nav_min_height_m + self.margin_m


def range_end_m(depth: DepthFrame, settings: Settings) -> float:
    """Return the maximum range for navigation in metres."""
    return min(settings.nav_range_m or math.inf, depth.far_m)
