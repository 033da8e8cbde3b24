"""From clouds to velocity commands: costmap, planner, controller and recovery behaviour."""

from __future__ import annotations

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.navigation.cloud import Cloud
from depth_ros.navigation.controller import Controller
from depth_ros.navigation.costmap import Costmap
from depth_ros.navigation.footprint import RobotPose
from depth_ros.navigation.planner import Planner, valid
from depth_ros.navigation.robot import Twist

_SPIN = Twist(0.0, 0.8)
_CLEAR_AFTER = 10  # turns without a path
_EXPIRES = 50  # clouds that a path is used for


class Navigator:
    """Drives to one goal.

    It plans again when the path is no longer free, and after 50 clouds, as Nav2's behaviour tree
    navigate_w_replanning_only_if_path_becomes_invalid does (10 s). With a new path for every cloud,
    the robot would switch sides repeatedly. If there is no path, or it cannot be followed, the
    robot recovers as in Nav2's behaviour trees: it turns on the spot, and it clears the costmap if
    it still finds no path after many turns.

    Args:
        costmap: is updated with the clouds; it may already contain obstacles.
        goal_m: x and y in the global frame.

    Attributes:
        costmap: see above.
        path_m: (N, 2) the current path; None: no path.
        recoveries: number of turns because there was no free path, or no depth.
    """

    def __init__(self, costmap: Costmap, goal_m: tuple[float, float]) -> None:
        self.costmap = costmap
        self.path_m: FloatArray | None = None
        self.recoveries = 0
        self._goal_m = np.array(goal_m)
        self._planner, self._controller = Planner(), Controller()
        self._lost = self._age = 0

    def step(self, cloud: Cloud | None, pose: RobotPose) -> Twist:
        """Process a cloud and return the velocity command until the next one.

        Args:
            cloud: from the camera, in the global frame; None: there is no depth.
            pose: x, y [m] and yaw [rad] of the robot in the global frame.
        """
        if cloud is None:
            return self._recover()
        self.costmap.update(cloud.points_m, cloud.origin_m, pose)
        self._age += 1
        if not self._is_valid(pose):
            costs, window = self.costmap.costs, self.costmap.window
            self.path_m = self._planner.plan(costs, window, np.array(pose[:2]), self._goal_m)
            self._age = 0
        if self.path_m is not None:
            twist = self._controller.follow(self.path_m, pose, self.costmap.cost_at)
            if twist is not None:
                self._lost = 0
                return twist
        return self._recover()

    def _is_valid(self, pose: RobotPose) -> bool:
        if self.path_m is None or self._age >= _EXPIRES:
            return False
        return valid(self.path_m, pose[:2], self.costmap.costs, self.costmap.window)

    def _recover(self) -> Twist:
        self.recoveries += 1
        self.path_m = None
        self._lost += 1
        if self._lost % _CLEAR_AFTER == 0:
            self.costmap.clear()
        return _SPIN
