"""A robot's camera in a rendered room: images from the robot's pose, and their clouds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from depth_ros.arrays import DepthArray, FloatArray, ImageArray
from depth_ros.drive.exchange import Answer
from depth_ros.geometry.camera import Camera
from depth_ros.navigation.cloud import Cloud
from depth_ros.navigation.footprint import RobotPose
from depth_ros.training.rooms.render import render_rooms
from depth_ros.training.rooms.room import Room
from depth_ros.training.scenes import Pose

Ask = Callable[[ImageArray, Camera, FloatArray, int], Answer | None]
"""Returns depth and points for an image (H, W, 3), its camera, its 4x4 pose and its stamp [ns]."""

CAMERA = Camera.from_fov(320, 240, 70.0)
HEIGHT_M, PITCH_DOWN_DEG = 0.5, 10.0


class View(NamedTuple):
    """An image and its depth (H, W); None: the node did not answer."""

    rgb: ImageArray
    depth_m: DepthArray | None


class RenderedCamera:
    """A camera in the middle of the robot, 0.5 m above the floor, pitched 10 degrees down.

    Args:
        room: the world.
        ask: estimates depth from images.
        start_ns: stamp of the first image; later than all stamps in previous rooms.

    Attributes:
        view: the last view; None before the first.
    """

    def __init__(self, room: Room, ask: Ask, start_ns: int) -> None:
        self._room, self._ask, self._start_ns = room, ask, start_ns
        self._count = 0
        self.view: View | None = None

    @property
    def answered(self) -> bool:
        """Whether the last view has depth."""
        return self.view is not None and self.view.depth_m is not None

    def see(self, pose: RobotPose, seconds: float) -> Cloud | None:
        """Return the cloud seen from x, y [m] and yaw [rad], in the world frame; None: no depth."""
        at = Pose(pose[0], pose[1], HEIGHT_M, pose[2], math.radians(PITCH_DOWN_DEG))
        rgb = render_rooms([self._room], [at], [CAMERA], seed=self._count).rgb[0].numpy()
        self._count += 1
        world_from_optical = at.world_from_optical()
        stamp_ns = self._start_ns + round(seconds * 1e9)
        answer = self._ask(rgb, CAMERA, world_from_optical, stamp_ns)
        self.view = View(rgb, None if answer is None else answer.depth_m)
        if answer is None:
            return None
        rotation, origin_m = world_from_optical[:3, :3], world_from_optical[:3, 3]
        return Cloud(answer.points_m.astype(np.float64) @ rotation.T + origin_m, origin_m)
