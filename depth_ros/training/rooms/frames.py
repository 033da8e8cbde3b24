"""Rendered frames of furnished rooms, each with its own room, pose and camera."""

from __future__ import annotations

import numpy as np
import torch

from depth_ros.geometry.camera import Camera
from depth_ros.training.render import Frames
from depth_ros.training.rooms.generator import random_room
from depth_ros.training.rooms.render import render_rooms
from depth_ros.training.rooms.richness import FULL, Richness
from depth_ros.training.rooms.viewpoint import ANY_ROBOT, random_viewpoint
from depth_ros.training.scenes import Robot, random_camera


def random_rooms(
    rng: np.random.Generator,
    width: int,
    height: int,
    count: int,
    richness: Richness = FULL,
    device: torch.device | str = "cpu",
) -> tuple[Frames, list[Camera]]:
    """Render count independent frames of furnished rooms on a device, and leave them there."""
    robot = ANY_ROBOT if richness.cameras else Robot()
    rooms = [random_room(rng, richness) for _ in range(count)]
    cameras = [random_camera(rng, robot, width, height) for _ in rooms]
    poses = [
        random_viewpoint(rng, room, robot, camera)
        for room, camera in zip(rooms, cameras, strict=True)
    ]
    return render_rooms(rooms, poses, cameras, int(rng.integers(2**31)), device), cameras
