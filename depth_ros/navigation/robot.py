"""A robot with differential drive."""

from __future__ import annotations

import math
from typing import NamedTuple

from depth_ros.navigation.footprint import RobotPose

_STRAIGHT = 1e-9


class Twist(NamedTuple):
    """A velocity command: forward speed [m/s] and turn rate to the left [rad/s]."""

    linear: float = 0.0
    angular: float = 0.0


def moved(pose: RobotPose, twist: Twist, seconds: float) -> RobotPose:
    """Return the pose (x, y, yaw) of a robot after it drove an arc for some time."""
    x, y, yaw = pose
    turned = twist.angular * seconds
    if abs(turned) < _STRAIGHT:
        ahead = twist.linear * seconds
        return x + ahead * math.cos(yaw), y + ahead * math.sin(yaw), yaw
    radius = twist.linear / twist.angular
    end = yaw + turned
    x += radius * (math.sin(end) - math.sin(yaw))
    y -= radius * (math.cos(end) - math.cos(yaw))
    return x, y, math.remainder(end, 2 * math.pi)
