"""The true floor plan of a room: distances to walls and furniture."""

from __future__ import annotations

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.training.rooms.room import Room

Outline = FloatArray
_ROUND = 24  # corners of the polygon for a cylinder


def clearance_m(room: Room, places_m: FloatArray, top_m: float) -> FloatArray:
    """Return the distance of positions (..., 2) to the nearest object; below 0 inside it.

    Args:
        room: walls and furniture.
        places_m: x and y in the world.
        top_m: the robot passes below objects that begin higher than this.
    """
    nearest = (room.size_m[:2] / 2 - np.abs(places_m)).min(axis=-1)
    x, y = places_m[..., 0], places_m[..., 1]
    for at_x, at_y, _, yaw, half_length, half_width, _ in room.boxes[room.boxes[:, 2] < top_m]:
        dx, dy, cos, sin = x - at_x, y - at_y, np.cos(yaw), np.sin(yaw)
        u = np.abs(cos * dx + sin * dy) - half_length
        v = np.abs(cos * dy - sin * dx) - half_width
        outside = np.hypot(np.maximum(u, 0), np.maximum(v, 0))
        nearest = np.minimum(nearest, outside + np.minimum(np.maximum(u, v), 0))
    for at_x, at_y, _, radius, _ in room.cylinders[room.cylinders[:, 2] < top_m]:
        nearest = np.minimum(nearest, np.hypot(x - at_x, y - at_y) - radius)
    return np.asarray(nearest)


def outlines(room: Room, top_m: float) -> list[Outline]:
    """Return the corners (N, 2) [m], seen from above, of every object that begins below top_m."""
    shapes = []
    for x, y, _, yaw, half_length, half_width, _ in room.boxes[room.boxes[:, 2] < top_m]:
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (half_length, half_width)
        cos, sin = np.cos(yaw), np.sin(yaw)
        shapes.append(corners @ np.array([[cos, sin], [-sin, cos]]) + (x, y))
    angles = 2 * np.pi * np.arange(_ROUND) / _ROUND
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for x, y, _, radius, _ in room.cylinders[room.cylinders[:, 2] < top_m]:
        shapes.append(circle * radius + (x, y))
    return shapes
