"""What a costmap is given."""

from __future__ import annotations

from typing import NamedTuple

from depth_ros.arrays import FloatArray


class Cloud(NamedTuple):
    """Points of one sensor in the global frame: (N, 3) and where they were seen from, (3,) [m]."""

    points_m: FloatArray
    origin_m: FloatArray
