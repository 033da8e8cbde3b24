"""Motion: a robot's arcs, and the controller that makes it follow a path."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from depth_ros.navigation.controller import Controller
from depth_ros.navigation.costs import LETHAL_OBSTACLE, NO_INFORMATION
from depth_ros.navigation.robot import Twist, moved

HOME = (0.0, 0.0, 0.0)


def free(x: float, y: float) -> int:
    return 0


def straight(yaw: float = 0.0, length_m: float = 3.0) -> npt.NDArray[np.float64]:
    return np.arange(0, length_m, 0.05)[:, None] * (math.cos(yaw), math.sin(yaw))


@pytest.mark.parametrize("twist", [Twist(0.5, 0.0), Twist(0.4, 1.1), Twist(0.0, -2.0)])
def test_an_arc_is_what_small_steps_make(twist: Twist) -> None:
    x, y, yaw = 0.3, -0.2, 2.0
    for _ in range(20000):
        x += twist.linear * 1e-4 * math.cos(yaw)
        y += twist.linear * 1e-4 * math.sin(yaw)
        yaw += twist.angular * 1e-4
    end = moved((0.3, -0.2, 2.0), twist, 2.0)
    assert end[:2] == pytest.approx((x, y), abs=1e-3)
    assert math.remainder(end[2] - yaw, 2 * math.pi) == pytest.approx(0, abs=1e-6)


def test_a_path_ahead_is_driven_at_full_speed() -> None:
    twist = Controller().follow(straight(), HOME, free)
    assert twist == pytest.approx((0.5, 0.0))


@pytest.mark.parametrize("side", [1, -1])
def test_the_robot_turns_on_the_spot_towards_a_path_beside_it(side: int) -> None:
    twist = Controller().follow(straight(side * 2.0), HOME, free)
    assert twist is not None
    assert twist.linear == 0
    assert twist.angular * side > 0


def test_it_slows_down_in_curves_and_at_the_goal() -> None:
    curve = Controller().follow(straight(0.5), HOME, free)
    near = Controller().follow(straight(0.0, 0.3), HOME, free)
    assert curve is not None
    assert near is not None
    assert 0.1 <= curve.linear < 0.5
    assert 0.1 <= near.linear < 0.5


def test_it_does_not_drive_into_what_the_costmap_shows() -> None:
    def blocked(x: float, y: float) -> int:
        return LETHAL_OBSTACLE if x > 0.3 else 0

    def unknown(x: float, y: float) -> int:
        return NO_INFORMATION

    assert Controller().follow(straight(), HOME, blocked) is None
    assert Controller().follow(straight(), HOME, unknown) is not None


def test_a_winding_path_is_followed_to_its_end() -> None:
    x = np.arange(0, 6, 0.05)
    path = np.stack([x, np.sin(x)], axis=1)
    pose, away_m = HOME, []
    for _ in range(200):
        twist = Controller().follow(path, pose, free)
        assert twist is not None
        pose = moved(pose, twist, 0.1)
        away_m.append(np.hypot(*(path - pose[:2]).T).min())
        if math.dist(pose[:2], path[-1]) < 0.1:
            break
    assert math.dist(pose[:2], path[-1]) < 0.1
    assert max(away_m) < 0.2
