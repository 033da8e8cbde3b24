"""A simulated robot that navigates on clouds: motion and collisions, one step per cloud."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from depth_ros.navigation.cloud import Cloud
from depth_ros.navigation.footprint import RobotPose
from depth_ros.navigation.navigator import Navigator
from depth_ros.navigation.robot import Twist, moved


class Outcome(Enum):
    """How a drive ended."""

    GOAL = "goal"
    COLLISION = "collision"
    TIMEOUT = "timeout"


class Step(NamedTuple):
    """The state of a robot at one moment, and its velocity command.

    Attributes:
        seconds: simulated time since the start.
        pose: x, y [m] and yaw [rad].
        twist: command until the next step; zero at the end.
        clearance_m: minimum since the last step, from the robot's side; below 0: a collision.
        outcome: None while the robot drives.
    """

    seconds: float
    pose: RobotPose
    twist: Twist
    clearance_m: float
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Simulation:
    """Simulated time stops during computation, so results do not depend on computing speed.

    Attributes:
        period_s: time between two images.
        xy_goal_tolerance: maximum distance to the goal [m], as in Nav2's goal checker.
        time_limit_s: maximum simulated time of a drive.
        substeps: number of collision checks per period.
    """

    period_s: float = 0.2
    xy_goal_tolerance: float = 0.25
    time_limit_s: float = 60.0
    substeps: int = 8

    def drive(
        self,
        navigator: Navigator,
        start: RobotPose,
        goal_m: tuple[float, float],
        see: Callable[[RobotPose, float], Cloud | None],
        clearance_m: Callable[[float, float], float],
    ) -> Iterator[Step]:
        """Yield every step until the goal, a collision or the time limit.

        Args:
            navigator: returns the velocity commands.
            start: first pose of the robot.
            goal_m: x and y.
            see: returns the cloud from a pose at a time in seconds since the start, in the global
                frame; None if there is no depth.
            clearance_m: returns the true distance of the robot's side to obstacles, at x and y.
        """
        pose, clear_m = start, clearance_m(*start[:2])
        for count in range(round(self.time_limit_s / self.period_s) + 1):
            seconds = count * self.period_s
            outcome = self._outcome(pose, goal_m, clear_m, seconds)
            twist = Twist() if outcome else navigator.step(see(pose, seconds), pose)
            yield Step(seconds, pose, twist, clear_m, outcome)
            if outcome:
                return
            clear_m = math.inf
            for _ in range(self.substeps):
                pose = moved(pose, twist, self.period_s / self.substeps)
                clear_m = min(clear_m, clearance_m(*pose[:2]))

    def _outcome(
        self, pose: RobotPose, goal_m: tuple[float, float], clear_m: float, seconds: float
    ) -> Outcome | None:
        if clear_m < 0:
            return Outcome.COLLISION
        if math.dist(pose[:2], goal_m) <= self.xy_goal_tolerance:
            return Outcome.GOAL
        return Outcome.TIMEOUT if seconds >= self.time_limit_s - self.period_s / 2 else None
