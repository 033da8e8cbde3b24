"""geometry_msgs/Transform: the pose of one frame in another."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def matrix_from_transform(transform: Any) -> npt.NDArray[np.float64]:
    """Return a geometry_msgs/Transform with a unit quaternion as a 4x4 matrix."""
    t, q = transform.translation, transform.rotation
    x, y, z, w = q.x, q.y, q.z, q.w
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), t.x],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), t.y],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), t.z],
            [0, 0, 0, 1],
        ]
    )
