"""The outline of the robot on the floor (nav2_costmap_2d/footprint.cpp)."""

from __future__ import annotations

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.navigation.costmap_parameters import CostmapParameters
from depth_ros.navigation.raytrace import Bools, visited
from depth_ros.navigation.window import Window

RobotPose = tuple[float, float, float]
"""x, y [m] and yaw [rad] in the global frame."""
_CORNERS = 16  # of the polygon that approximates a circle


def outline(parameters: CostmapParameters) -> FloatArray:
    """Return the padded corners (N, 2) in metres, in the robot's frame."""
    polygon = np.array(parameters.polygon())
    if not len(polygon):
        angles = 2 * np.pi * np.arange(_CORNERS) / _CORNERS
        polygon = parameters.robot_radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    padded: FloatArray = polygon + np.sign(polygon) * parameters.footprint_padding
    return padded


def inscribed_radius(polygon: FloatArray) -> float:
    """Return the distance [m] from the robot's centre to the nearest side of polygon (N, 2)."""
    sides = np.roll(polygon, -1, axis=0) - polygon
    share = -(polygon * sides).sum(axis=1) / (sides * sides).sum(axis=1)
    nearest = polygon + np.clip(share, 0, 1)[:, None] * sides
    return float(np.linalg.norm(nearest, axis=1).min())


def covered(polygon: FloatArray, robot: RobotPose, window: Window) -> Bools:
    """Return a mask of the cells (y, x) below the robot; empty if a corner is outside the window.

    Args:
        polygon: (N, 2) convex, in the robot's frame.
        robot: pose of the robot.
        window: of the costmap.
    """
    x, y, yaw = robot
    rotation = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    corners = window.map_from_world(polygon @ rotation.T + (x, y))
    shape = int(window.size[1]), int(window.size[0])
    if not window.contains(corners).all():
        return np.zeros(shape, np.bool_)
    edge = np.zeros(shape, np.bool_)
    cells = np.floor(corners)
    for corner, following in zip(cells, np.roll(cells, -1, axis=0), strict=True):
        edge |= visited(corner, following[None], shape, (0, sum(shape)))
    # Each column of a convex polygon is filled from its first to its last edge cell.
    filled: Bools = np.logical_or.accumulate(edge) & np.logical_or.accumulate(edge[::-1])[::-1]
    return filled
