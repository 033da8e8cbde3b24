"""The closed loop with clouds made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from depth_ros.navigation.cloud import Cloud
from depth_ros.navigation.costmap import Costmap
from depth_ros.navigation.footprint import RobotPose
from depth_ros.navigation.navigator import Navigator
from depth_ros.navigation.simulation import Outcome, Simulation, Step

START, GOAL = (0.0, 0.0, 0.0), (3.0, 0.0)
RADIUS_M = 0.22
BOX = (1.5, 0.1, 0.3)  # x, y, half width of an upright square box


def nothing(pose: RobotPose, seconds: float) -> Cloud:
    return Cloud(np.empty((0, 3)), np.array([pose[0], pose[1], 0.5]))


def box(pose: RobotPose, seconds: float) -> Cloud:
    """Points on the box's sides, whichever way the robot looks."""
    x, y, half = BOX
    along, z = np.meshgrid(np.arange(-half, half + 0.01, 0.04), np.arange(0.22, 0.7, 0.05))
    u, w, end = along.ravel(), z.ravel(), np.full(along.size, half)
    sides = [(-end, u), (end, u), (u, -end), (u, end)]
    points = np.concatenate([np.stack([x + dx, y + dy, w], axis=1) for dx, dy in sides])
    return Cloud(points, np.array([pose[0], pose[1], 0.5]))


def to_box_m(x: float, y: float) -> float:
    dx, dy = abs(x - BOX[0]) - BOX[2], abs(y - BOX[1]) - BOX[2]
    return float(np.hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0)) - RADIUS_M


def drive(simulation: Simulation, see: object, clearance: object) -> tuple[list[Step], Navigator]:
    navigator = Navigator(Costmap.read(), GOAL)
    steps = simulation.drive(navigator, START, GOAL, see, clearance)  # type: ignore[arg-type]
    return list(steps), navigator


def test_a_robot_that_sees_drives_around_the_box() -> None:
    steps, navigator = drive(Simulation(), box, to_box_m)
    assert steps[-1].outcome is Outcome.GOAL
    assert min(step.clearance_m for step in steps) > 0
    assert max(abs(step.pose[1]) for step in steps) > 0.3
    assert navigator.recoveries == 0
    assert all(step.outcome is None for step in steps[:-1])


def test_a_robot_that_sees_nothing_hits_it() -> None:
    steps, _ = drive(Simulation(), nothing, to_box_m)
    assert steps[-1].outcome is Outcome.COLLISION
    assert steps[-1].clearance_m < 0
    assert steps[-1].pose[0] < BOX[0]


@pytest.mark.parametrize("wall", [True, False])
def test_without_a_way_or_without_depth_it_turns_until_the_time_is_over(wall: bool) -> None:
    def closed(pose: RobotPose, seconds: float) -> Cloud | None:
        angles, z = np.meshgrid(np.linspace(0, 2 * np.pi, 200), np.arange(0.22, 0.7, 0.05))
        x, y = 0.8 * np.cos(angles).ravel(), 0.8 * np.sin(angles).ravel()
        return Cloud(np.stack([x, y, z.ravel()], axis=1), np.array([*pose[:2], 0.5]))

    def no_depth(pose: RobotPose, seconds: float) -> Cloud | None:
        return None

    simulation = Simulation(time_limit_s=3.0)
    steps, navigator = drive(simulation, closed if wall else no_depth, lambda x, y: 1.0)
    assert steps[-1].outcome is Outcome.TIMEOUT
    assert steps[-1].seconds == pytest.approx(3.0)
    assert navigator.recoveries == 15
    assert steps[-1].pose[:2] == START[:2]


def test_a_path_is_kept_until_it_is_no_longer_free_or_old() -> None:
    navigator = Navigator(Costmap.read(), GOAL)
    navigator.step(nothing(START, 0.0), START)
    first = navigator.path_m
    navigator.step(nothing(START, 0.0), START)
    assert navigator.path_m is first
    navigator.step(box(START, 0.0), START)
    around = navigator.path_m
    assert around is not None
    assert first is not None
    assert np.abs(around[:, 1]).max() > 0.3 > np.abs(first[:, 1]).max()
    for _ in range(50):
        navigator.step(box(START, 0.0), START)
    assert navigator.path_m is not around


def test_turning_for_long_clears_the_costmap() -> None:
    navigator = Navigator(Costmap.read(), GOAL)
    navigator.step(box(START, 0.0), START)
    assert navigator.costmap.costs.any()
    for _ in range(10):
        assert navigator.step(None, START).linear == 0
    assert not navigator.costmap.costs.any()
