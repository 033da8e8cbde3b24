"""A furnished room: its shapes, materials and lights, and the camera's settings.

The world frame follows REP 103: x forward, y left, z up, the floor at z = 0. The room's outer
walls are centred on the origin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray
from depth_ros.training.rooms.materials import FIELDS, Material

Vector: TypeAlias = tuple[float, float, float]

SHELL = 3  # floor, ceiling and walls come before the shapes in a room's materials


class Box(NamedTuple):
    """An upright box: centre x, y, bottom z, yaw [rad], half length, half width, height."""

    x: float
    y: float
    z: float
    yaw: float
    half_length: float
    half_width: float
    height: float
    material: Material


class Cylinder(NamedTuple):
    """An upright cylinder: centre x, y, bottom z, radius, height."""

    x: float
    y: float
    z: float
    radius: float
    height: float
    material: Material


Part: TypeAlias = Box | Cylinder


class Gate(NamedTuple):
    """A rectangle in an outer wall, the only part through which a light shines.

    Attributes:
        axis: 0 where the wall stands across x, 1 where it stands across y; -1 for no gate.
        place_m: the wall's x or y.
        low_m, high_m: the rectangle along the wall.
        bottom_m, top_m: the rectangle's height range.
    """

    axis: int = -1
    place_m: float = 0.0
    low_m: float = 0.0
    high_m: float = 0.0
    bottom_m: float = 0.0
    top_m: float = 0.0


class Light(NamedTuple):
    """A light in the shape of a parallelogram.

    Attributes:
        centre: its centre [m].
        a, b: vectors from there to the centres of two neighbouring sides [m].
        colour: red, green and blue.
        falloff_m: distance at which the light has half of its strength; inf for the sun.
        directed: whether it shines only forward (a x b), like a window, or to all sides.
        gate: opening through which it shines in from outside.
    """

    centre: Vector
    a: Vector
    b: Vector
    colour: Vector
    falloff_m: float
    directed: bool = False
    gate: Gate = Gate()

    def row(self) -> FloatArray:
        """Return all numbers in one array, (LIGHT_FIELDS,)."""
        shape = [*self.centre, *self.a, *self.b, *self.colour]
        return np.array([*shape, 1 / self.falloff_m**2, self.directed, *self.gate], np.float64)


LIGHT_FIELDS = 20


class Photo(NamedTuple):
    """Parameters of a camera's image.

    Attributes:
        brightness: target mean of the linear image after exposure.
        balance: gains of red, green and blue.
        vignetting: share of the light that is lost in the corners.
        blur_px: standard deviation of the lens' blur.
        noise: standard deviation of the noise of a white pixel.
        gamma: of the encoding.
    """

    brightness: float = 0.3
    balance: Vector = (1.0, 1.0, 1.0)
    vignetting: float = 0.0
    blur_px: float = 0.0
    noise: float = 0.01
    gamma: float = 2.2

    def row(self) -> FloatArray:
        """Return all numbers in one array, (8,)."""
        return np.array([self.brightness, *self.balance, *self[2:]], np.float64)


@dataclass(frozen=True)
class Room:
    """A room and the parameters of its images.

    Attributes:
        size_m: (3,) length, width and height.
        boxes: (N, 7) centre x, y, bottom z, yaw [rad], half length, half width, height.
        cylinders: (M, 5) centre x, y, bottom z, radius, height.
        materials: (SHELL + N + M, FIELDS) of floor, ceiling, walls, boxes and cylinders.
        lights: (L, LIGHT_FIELDS).
        ambient: (3,) ambient light.
        photo: (8,).
    """

    size_m: FloatArray
    boxes: FloatArray
    cylinders: FloatArray
    materials: FloatArray
    lights: FloatArray
    ambient: FloatArray
    photo: FloatArray

    def clearance_m(self, points: FloatArray) -> FloatArray:
        """Return the distance of world points (..., 3) to the nearest surface; below 0 inside."""
        walls = np.minimum(
            self.size_m[:2] / 2 - np.abs(points[..., :2]),
            np.minimum(points[..., 2], self.size_m[2] - points[..., 2])[..., None],
        ).min(axis=-1)
        return np.asarray(np.minimum.reduce([walls, *self._distances_m(points[..., None, :])]))

    def _distances_m(self, points: FloatArray) -> list[FloatArray]:
        distances = []
        if len(self.boxes):
            local = box_frame(self.boxes, points)
            half = self.boxes[:, 4:7] * (1, 1, 0.5)
            distances.append(_outside_m(np.abs(local) - half))
        if len(self.cylinders):
            x, y, z, radius, height = self.cylinders.T
            radial = np.hypot(points[..., 0] - x, points[..., 1] - y) - radius
            upright = np.abs(points[..., 2] - z - height / 2) - height / 2
            distances.append(_outside_m(np.stack([radial, upright], axis=-1)))
        return [distance.min(axis=-1) for distance in distances]

    def first(
        self, origins: FloatArray, directions: FloatArray
    ) -> tuple[FloatArray, npt.NDArray[np.intp]]:
        """Return the distances of rays (..., 3) in units of their length, and the shapes they hit.

        Shapes are numbered from 0, boxes first; -1 stands for floor, ceiling and outer walls.
        Cylinders are treated as their bounding boxes.
        """
        half = np.array([*self.size_m[:2] / 2, self.size_m[2]])
        low = -half * (1, 1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            walls = np.fmax((low - origins) / directions, (half - origins) / directions).min(
                axis=-1
            )
        x, y, z, radius, height = self.cylinders.T
        around = np.stack([x, y, z, 0 * x, radius, radius, height], axis=-1)
        boxes = np.concatenate([self.boxes, around])
        if not len(boxes):
            return walls, np.full(walls.shape, -1)
        enter = _enter(boxes, origins, directions)
        nearest = enter.min(axis=-1)
        return np.minimum(walls, nearest), np.where(nearest < walls, enter.argmin(axis=-1), -1)


def box_frame(boxes: FloatArray, points: FloatArray) -> FloatArray:
    """Return points (..., 1 or N, 3) in the frames of N boxes, (..., N, 3)."""
    x, y, z, yaw, _, _, height = boxes.T
    dx, dy = points[..., 0] - x, points[..., 1] - y
    cos, sin = np.cos(yaw), np.sin(yaw)
    across, along = cos * dx + sin * dy, cos * dy - sin * dx
    return np.stack([across, along, points[..., 2] - z - height / 2], axis=-1)


def _enter(boxes: FloatArray, origins: FloatArray, directions: FloatArray) -> FloatArray:
    """Return the distances at which rays enter boxes, (..., N); inf if they do not."""
    local = box_frame(boxes, origins[..., None, :])
    middle = np.array([[0, 0, -height / 2] for height in boxes[:, 6]])
    turned = boxes.copy()
    turned[:, :3] = middle  # a direction has no place
    ahead = box_frame(turned, directions[..., None, :])
    half = boxes[:, 4:7] * (1, 1, 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (-half - local) / ahead, (half - local) / ahead
    enter, leave = np.fmin(a, b).max(axis=-1), np.fmax(a, b).min(axis=-1)
    return np.where((enter < leave) & (leave > 0), np.maximum(enter, 0), np.inf)


def _outside_m(excess: FloatArray) -> FloatArray:
    """Return the signed distance to a shape from a point's excess along each axis."""
    outside = np.linalg.norm(np.maximum(excess, 0), axis=-1)
    return np.asarray(outside + np.minimum(excess.max(axis=-1), 0))


def assemble(
    size_m: Vector,
    shell: Sequence[Material],
    parts: Sequence[Part],
    lights: Sequence[Light],
    ambient: Vector,
    photo: Photo,
) -> Room:
    """Return a room from its floor, ceiling and wall materials, shapes, lights and camera."""
    boxes = [part for part in parts if isinstance(part, Box)]
    cylinders = [part for part in parts if isinstance(part, Cylinder)]
    materials = [*shell, *(box.material for box in boxes), *(c.material for c in cylinders)]
    return Room(
        np.array(size_m, np.float64),
        np.array([box[:7] for box in boxes], np.float64).reshape(-1, 7),
        np.array([cylinder[:5] for cylinder in cylinders], np.float64).reshape(-1, 5),
        np.stack([material.row() for material in materials]).reshape(-1, FIELDS),
        np.array([light.row() for light in lights], np.float64).reshape(-1, LIGHT_FIELDS),
        np.array(ambient, np.float64),
        photo.row(),
    )


def placed(parts: Sequence[Part], x: float, y: float, yaw: float, z: float = 0.0) -> list[Part]:
    """Transform parts from their own frame to another."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    moved: list[Part] = []
    for part in parts:
        there = x + cos * part.x - sin * part.y, y + sin * part.x + cos * part.y
        part = part._replace(x=there[0], y=there[1], z=z + part.z)
        moved.append(part._replace(yaw=part.yaw + yaw) if isinstance(part, Box) else part)
    return moved
