"""The input of a costmap."""

from __future__ import annotations

from typing import NamedTuple

from depth_ros.arrays import FloatArray


class Cloud(NamedTuple):
    """Points (N, 3) of one sensor and the sensor's position (3,), in the global frame [m]."""

    points_m: FloatArray
    origin_m: FloatArray
