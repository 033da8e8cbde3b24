"""Path following by regulated pure pursuit, with the parameters of Nav2's controller.

Source: Macenski et al., "Regulated Pure Pursuit for Robot Path Tracking" (2023).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.navigation.costs import INSCRIBED_INFLATED_OBSTACLE, NO_INFORMATION
from depth_ros.navigation.footprint import RobotPose
from depth_ros.navigation.robot import Twist, moved

CostAt = Callable[[float, float], int]
_STEP_S = 0.1


@dataclass(frozen=True)
class Controller:
    """Regulated pure pursuit. Parameter names are Nav2's; units are metres, radians, seconds."""

    desired_linear_vel: float = 0.5
    min_linear_vel: float = 0.1
    lookahead_dist: float = 0.45
    rotate_to_heading_angular_vel: float = 1.2
    rotate_to_heading_min_angle: float = 0.6
    regulated_linear_scaling_min_radius: float = 0.9
    max_allowed_time_to_collision: float = 1.0
    approach_velocity_scaling_dist: float = 0.6

    def follow(self, path_m: FloatArray, pose: RobotPose, cost_at: CostAt) -> Twist | None:
        """Return the next velocity command; None if it would lead to a collision.

        Args:
            path_m: (N, 2) in the global frame.
            pose: x, y [m] and yaw [rad] in the global frame.
            cost_at: the costmap's cost at x and y.
        """
        x, y = self._carrot(path_m, pose)
        distance, bearing = math.hypot(x, y), math.atan2(y, x)
        if abs(bearing) > self.rotate_to_heading_min_angle:
            return self._turn(bearing)
        curvature = 2 * y / max(distance, 1e-3) ** 2
        linear = self._speed(curvature, math.dist(path_m[-1], pose[:2]))
        twist = Twist(linear, linear * curvature)
        return None if self._collides(twist, pose, distance, cost_at) else twist

    def _turn(self, bearing: float) -> Twist:
        """Turn on the spot, more slowly near the target heading."""
        rate = min(self.rotate_to_heading_angular_vel, 2 * abs(bearing))
        return Twist(0.0, math.copysign(rate, bearing))

    def _carrot(self, path_m: FloatArray, pose: RobotPose) -> tuple[float, float]:
        """Return the point of the path at the lookahead distance, in the robot's frame."""
        away = np.hypot(*(path_m - pose[:2]).T)
        ahead = np.arange(len(path_m)) >= away.argmin()
        far = np.flatnonzero(ahead & (away >= self.lookahead_dist))
        dx, dy = path_m[far[0] if len(far) else -1] - pose[:2]
        cos, sin = math.cos(pose[2]), math.sin(pose[2])
        return float(cos * dx + sin * dy), float(cos * dy - sin * dx)

    def _speed(self, curvature: float, left_m: float) -> float:
        """Return the speed, which is lower in curves and near the goal."""
        linear = self.desired_linear_vel
        linear *= min(1.0, 1 / max(abs(curvature) * self.regulated_linear_scaling_min_radius, 1e-6))
        linear *= min(1.0, left_m / self.approach_velocity_scaling_dist)
        return max(linear, self.min_linear_vel)

    def _collides(self, twist: Twist, pose: RobotPose, distance_m: float, cost_at: CostAt) -> bool:
        """Whether the robot's centre reaches a cell of inscribed or lethal cost on the arc."""
        seconds = min(self.max_allowed_time_to_collision, distance_m / twist.linear)
        for step in range(1, math.ceil(seconds / _STEP_S) + 1):
            x, y, _ = moved(pose, twist, min(step * _STEP_S, seconds))
            if NO_INFORMATION > cost_at(x, y) >= INSCRIBED_INFLATED_OBSTACLE:
                return True
        return False
