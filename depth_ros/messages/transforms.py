"""geometry_msgs/Transform: the pose of one frame in another."""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_ros.arrays import FloatArray


def matrix_from_transform(transform: Any) -> FloatArray:
    """Return a geometry_msgs/Transform with a unit quaternion as a 4x4 matrix."""
    t, q = transform.translation, transform.rotation
    return matrix_of_pose((q.x, q.y, q.z, q.w), (t.x, t.y, t.z))


def matrix_of_pose(
    quaternion: tuple[float, float, float, float], translation: tuple[float, float, float]
) -> FloatArray:
    """Return the 4x4 matrix of a unit quaternion x, y, z, w and a translation."""
    x, y, z, w = quaternion
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = translation
    return matrix
