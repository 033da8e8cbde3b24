"""sensor_msgs/LaserScan: its fields."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_ros.geometry.scan import Beams


def scan_content(
    ranges_m: npt.NDArray[np.float32], beams: Beams, near_m: float, far_m: float
) -> dict[str, Any]:
    """Return the fields of a sensor_msgs/LaserScan except its header.

    Args:
        ranges_m: float32 (beams.size,); NaN: no estimate, +inf: nothing in range (REP 117).
        beams: their directions.
        near_m, far_m: minimum and maximum range.
    """
    return {
        "angle_min": beams.angle_min,
        "angle_max": beams.angle_max,
        "angle_increment": beams.angle_increment,
        "time_increment": 0.0,  # all beams have the same time
        "scan_time": 0.0,
        "range_min": near_m,
        "range_max": far_m,
        "ranges": ranges_m,
        "intensities": np.empty(0, np.float32),
    }
