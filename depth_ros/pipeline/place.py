"""The pose of a camera at the time of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.scale.ground import Mount

_STRAIGHT = 1e-3


@dataclass(frozen=True, eq=False)
class Place:
    """The pose of a camera at the time of an image, as far as known.

    Attributes:
        mount: above the ground; None: unknown.
        ground_from_optical: 4x4 transform of points to a frame with z up; None: unknown.
        ground_frame: name of that frame; empty: no name.
        odom_from_optical: 4x4 transform of points to a world-fixed frame (REP 105); None: unknown.
    """

    mount: Mount | None = None
    ground_from_optical: FloatArray | None = None
    ground_frame: str = ""
    odom_from_optical: FloatArray | None = None

    @classmethod
    def of_mount(cls, mount: Mount) -> Place:
        """Return the pose of a camera of which only the mount is known.

        The ground's frame is below the camera, with x in its viewing direction.
        """
        up = -np.array(mount.down)
        ahead = np.array([0.0, 0.0, 1.0]) - up[2] * up
        if np.linalg.norm(ahead) < _STRAIGHT:  # the camera looks straight down or up
            ahead = np.array([0.0, -1.0, 0.0]) - up[1] * up
        ahead /= np.linalg.norm(ahead)
        pose = np.eye(4)
        pose[:3, :3] = ahead, np.cross(up, ahead), up
        pose[2, 3] = mount.height_m
        return cls(mount, pose)
