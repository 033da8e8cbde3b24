"""Where cameras stand in rooms."""

import math

import numpy as np
import pytest

from depth_ros.geometry.camera import Camera
from depth_ros.training.rooms.generator import random_room
from depth_ros.training.rooms.viewpoint import ANY_ROBOT, CLEARANCE_M, random_viewpoint
from depth_ros.training.scenes import Robot

CAMERA = Camera.from_fov(64, 48, 70)


@pytest.mark.parametrize("robot", [Robot(), ANY_ROBOT])
def test_poses_keep_to_the_robot_and_stay_clear_of_things(robot: Robot) -> None:
    heights_m = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        room = random_room(rng)
        pose = random_viewpoint(rng, room, robot, CAMERA)
        assert robot.camera_height_m[0] <= pose.z <= robot.camera_height_m[1]
        assert robot.pitch_down_deg[0] <= math.degrees(pose.pitch_down) <= robot.pitch_down_deg[1]
        assert robot.roll_deg[0] <= math.degrees(pose.roll) <= robot.roll_deg[1]
        free_m = room.clearance_m(np.array([pose.x, pose.y, pose.z]))
        assert free_m > min(CLEARANCE_M, 0.5 * pose.z)
        heights_m.append(pose.z)
    low, high = robot.camera_height_m
    assert min(heights_m) < low + 0.1 * (high - low)
    assert max(heights_m) > high - 0.1 * (high - low)
