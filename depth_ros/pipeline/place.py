"""Where a camera is at the time of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.scale.ground import Mount

_STRAIGHT = 1e-3


@dataclass(frozen=True, eq=False)
class Place:
    """Where a camera is at the time of an image, as far as it is known.

    Attributes:
        mount: over the ground; None: unknown.
        ground_from_optical: 4x4 transform of points to a frame whose z points up; None: unknown.
        ground_frame: that frame; empty: it has no name.
        odom_from_optical: 4x4 transform of points to a frame that stays where it is while the robot
            moves (REP 105); None: unknown.
    """

    mount: Mount | None = None
    ground_from_optical: FloatArray | None = None
    ground_frame: str = ""
    odom_from_optical: FloatArray | None = None

    @classmethod
    def of_mount(cls, mount: Mount) -> Place:
        """Return the place of a camera of which the mount is all that is known.

        The ground's frame lies below it, x where it looks.
        """
        up = -np.array(mount.down)
        ahead = np.array([0.0, 0.0, 1.0]) - up[2] * up
        if np.linalg.norm(ahead) < _STRAIGHT:  # it looks straight down, or up
            ahead = np.array([0.0, -1.0, 0.0]) - up[1] * up
        ahead /= np.linalg.norm(ahead)
        pose = np.eye(4)
        pose[:3, :3] = ahead, np.cross(up, ahead), up
        pose[2, 3] = mount.height_m
        return cls(mount, pose)
