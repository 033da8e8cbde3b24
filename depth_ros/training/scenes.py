"""Procedural indoor scenes for a ground robot's camera, with the exact depth of every pixel.

A scene is a room or a corridor with boxes and cylinders on its floor, textured and lit by one lamp.
The world frame follows REP 103: x forward, y left, z up, the floor at z = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.geometry.camera import Camera

MAX_BOXES = 7
MAX_CYLINDERS = 3
SURFACES = 3  # floor, ceiling and walls come before the objects in a scene's materials
_CLEARANCE_M = 0.45
_REACH_M = 2.5  # how far ahead a robot looks for free floor
_STEP_S, _SPEED_M_S = 0.1, 0.5  # of a drive


@dataclass(frozen=True)
class Robot:
    """Ranges of camera poses and lenses of one kind of ground robot.

    A network trained on one range of camera heights learns its metric scale from the floor (and is
    wrong by the ratio of heights on another robot). off_centre is the maximum distance of the
    principal point from the image centre, relative to the image size; squeeze the maximum relative
    difference of the vertical focal length from the horizontal.
    """

    camera_height_m: tuple[float, float] = (0.49, 0.51)
    pitch_down_deg: tuple[float, float] = (-2.0, 10.0)
    roll_deg: tuple[float, float] = (-1.5, 1.5)
    fov_deg: tuple[float, float] = (55.0, 75.0)
    off_centre: float = 0.0
    squeeze: float = 0.0


@dataclass(frozen=True)
class Scene:
    """One world. Shapes are padded to fixed counts with objects of zero height.

    Attributes:
        room_m: (3,) length, width and height; the room is centred on the origin.
        boxes: (MAX_BOXES, 6) centre x, y, yaw [rad], half length, half width, height.
        cylinders: (MAX_CYLINDERS, 4) centre x, y, radius, height.
        materials: (SURFACES + MAX_BOXES + MAX_CYLINDERS, 10) two colours, pattern, period [m],
            grain, phase.
        lamp: (5,) position, ambient share, falloff distance [m].
        gain: (3,) exposure and white balance.
    """

    room_m: FloatArray
    boxes: FloatArray
    cylinders: FloatArray
    materials: FloatArray
    lamp: FloatArray
    gain: FloatArray

    def clearance_m(self, x: float, y: float) -> float:
        """Return the distance from a point of the floor to the nearest wall or object."""
        length, width, _ = self.room_m
        nearest = float(min(length / 2 - abs(x), width / 2 - abs(y)))
        for cx, cy, yaw, half_length, half_width, height in self.boxes.tolist():
            if height > 0:
                dx, dy = x - cx, y - cy
                u = abs(math.cos(yaw) * dx + math.sin(yaw) * dy) - half_length
                v = abs(-math.sin(yaw) * dx + math.cos(yaw) * dy) - half_width
                nearest = min(nearest, math.hypot(max(u, 0), max(v, 0)) + min(max(u, v), 0))
        for cx, cy, radius, height in self.cylinders.tolist():
            if height > 0:
                nearest = min(nearest, math.hypot(x - cx, y - cy) - radius)
        return nearest


@dataclass(frozen=True)
class Pose:
    """A camera in the world: position [m], heading, pitch (down) and roll [rad]."""

    x: float
    y: float
    z: float
    yaw: float
    pitch_down: float = 0.0
    roll: float = 0.0

    def body_from_optical(self) -> FloatArray:
        """Return the 4x4 transform from the optical frame (REP 103) to the robot's body frame.

        The body frame is on the floor below the camera, x ahead.
        """
        cp, sp = math.cos(self.pitch_down), math.sin(self.pitch_down)
        cr, sr = math.cos(self.roll), math.sin(self.roll)
        pitch = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
        roll = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
        camera_from_optical = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
        transform = np.eye(4)
        transform[:3, :3] = pitch @ roll @ camera_from_optical
        transform[2, 3] = self.z
        return transform

    def world_from_optical(self) -> FloatArray:
        """Return the 4x4 transform from the optical frame (REP 103) to the world."""
        cy, sy = math.cos(self.yaw), math.sin(self.yaw)
        world_from_body = np.eye(4)
        world_from_body[:2, :2] = [[cy, -sy], [sy, cy]]
        world_from_body[:2, 3] = (self.x, self.y)
        return world_from_body @ self.body_from_optical()


@dataclass(frozen=True)
class Drive:
    """A robot's path through one scene: the camera's pose at every step."""

    scene: Scene
    camera: Camera
    poses: list[Pose] = field(default_factory=list)


def random_scene(rng: np.random.Generator) -> Scene:
    """Return a furnished room (two times in three) or a corridor."""
    corridor = rng.random() < 1 / 3
    length = rng.uniform(8, 14) if corridor else rng.uniform(5, 9)
    width = rng.uniform(1.8, 3.0) if corridor else rng.uniform(4, 7)
    room_m = np.array([length, width, rng.uniform(2.4, 3.0)])
    boxes = np.zeros((MAX_BOXES, 6))
    cylinders = np.zeros((MAX_CYLINDERS, 4))
    for i in range(rng.integers(2, MAX_BOXES + 1)):
        boxes[i] = _random_box(rng, room_m, against_wall=corridor or rng.random() < 0.4)
    for i in range(rng.integers(0, MAX_CYLINDERS + 1)):
        cylinders[i] = _random_cylinder(rng, room_m)
    count = SURFACES + MAX_BOXES + MAX_CYLINDERS
    return Scene(
        room_m=room_m,
        boxes=boxes,
        cylinders=cylinders,
        materials=np.stack([_random_material(rng, surface) for surface in range(count)]),
        lamp=np.array(
            [
                rng.uniform(-0.3, 0.3) * length,
                rng.uniform(-0.3, 0.3) * width,
                room_m[2] - 0.15,
                rng.uniform(0.35, 0.6),
                rng.uniform(3, 6),
            ]
        ),
        gain=rng.uniform(0.8, 1.25) * rng.uniform(0.93, 1.07, 3),
    )


def _random_box(rng: np.random.Generator, room_m: FloatArray, against_wall: bool) -> FloatArray:
    half = rng.uniform((0.15, 0.15), (0.6, 0.45))
    height = rng.choice((rng.uniform(0.25, 0.8), rng.uniform(0.8, 2.0)))
    if not against_wall:
        x, y = rng.uniform(-0.5, 0.5, 2) * (room_m[:2] - 1)
        return np.array([x, y, rng.uniform(0, math.pi), *half, height])
    side = rng.choice((-1, 1))
    x = rng.uniform(-0.5, 0.5) * (room_m[0] - 2)
    half[1] = min(half[1], 0.12 * room_m[1])
    return np.array([x, side * (room_m[1] / 2 - half[1]), 0.0, *half, height])


def _random_cylinder(rng: np.random.Generator, room_m: FloatArray) -> FloatArray:
    radius = rng.uniform(0.1, 0.3)
    side = rng.choice((-1, 1))
    x = rng.uniform(-0.5, 0.5) * (room_m[0] - 1)
    y = side * (rng.uniform(0.2, 0.5) * room_m[1] - radius)
    return np.array([x, y, radius, rng.uniform(0.3, 1.8)])


def _random_material(rng: np.random.Generator, surface: int) -> FloatArray:
    """Return colours and a pattern: 0 plain, 1 checkers, 2 stripes, 3 tiles with joints."""
    base = rng.uniform(0.25, 0.9) * rng.uniform(0.75, 1.0, 3)
    contrast = rng.uniform(0.6, 0.9)
    pattern = rng.choice(
        (0, 1, 2, 3),
        p=((0.1, 0.3, 0.2, 0.4), (1, 0, 0, 0), (0.5, 0, 0.2, 0.3))[surface]
        if surface < SURFACES
        else (0.4, 0.15, 0.2, 0.25),
    )
    period_m = rng.uniform(0.3, 0.6) if surface < SURFACES else rng.uniform(0.1, 0.3)
    return np.array(
        [*base, *(base * contrast), pattern, period_m, rng.uniform(0.02, 0.12), rng.uniform(0, 100)]
    )


def random_camera(rng: np.random.Generator, robot: Robot, width: int, height: int) -> Camera:
    """Return an undistorted camera with a field of view in the robot's range."""
    camera = Camera.from_fov(width, height, rng.uniform(*robot.fov_deg))
    if not (robot.off_centre or robot.squeeze):
        return camera
    x, y = rng.uniform(-robot.off_centre, robot.off_centre, 2)
    ratio = 1 + rng.uniform(-robot.squeeze, robot.squeeze)
    return replace(
        camera, fy=camera.fy * ratio, cx=camera.cx + x * width, cy=camera.cy + y * height
    )


def random_pose(rng: np.random.Generator, scene: Scene, robot: Robot) -> Pose:
    """Return a pose with free floor around it, facing the most free space of a few tries."""
    half = scene.room_m[:2] / 2 - _CLEARANCE_M
    x, y = _free_point(rng, scene, half)
    yaw = max(rng.uniform(-math.pi, math.pi, 5), key=lambda yaw: _free_ahead_m(scene, x, y, yaw))
    return _mount(rng, robot, x, y, yaw)


def _free_point(rng: np.random.Generator, scene: Scene, half: FloatArray) -> tuple[float, float]:
    points = [tuple(rng.uniform(-half, half)) for _ in range(200)]
    for x, y in points:
        if scene.clearance_m(x, y) > _CLEARANCE_M:
            return x, y
    return max(points, key=lambda point: scene.clearance_m(*point))


def _free_ahead_m(scene: Scene, x: float, y: float, yaw: float) -> float:
    """Return the length of free floor along a heading, up to 2.5 m."""
    for distance in np.arange(0.25, _REACH_M, 0.25):
        if scene.clearance_m(x + distance * math.cos(yaw), y + distance * math.sin(yaw)) < 0.25:
            return float(distance)
    return _REACH_M


def _mount(rng: np.random.Generator, robot: Robot, x: float, y: float, yaw: float) -> Pose:
    return Pose(
        x,
        y,
        rng.uniform(*robot.camera_height_m),
        yaw,
        math.radians(rng.uniform(*robot.pitch_down_deg)),
        math.radians(rng.uniform(*robot.roll_deg)),
    )


def random_drive(
    rng: np.random.Generator,
    robot: Robot,
    width: int,
    height: int,
    steps: int,
) -> Drive:
    """Return a drive through a new random scene, which steers towards free space."""
    scene = random_scene(rng)
    camera = random_camera(rng, robot, width, height)
    pose = random_pose(rng, scene, robot)
    poses = [pose]
    turn = 0.0
    for _ in range(steps - 1):
        turn = _steer(scene, pose, turn)
        yaw = pose.yaw + turn * _STEP_S
        free_m = _free_ahead_m(scene, pose.x, pose.y, yaw)
        ahead_m = _STEP_S * _SPEED_M_S * min(max(free_m - 0.5, 0.0), 1.0)
        x, y = pose.x + ahead_m * math.cos(yaw), pose.y + ahead_m * math.sin(yaw)
        pose = Pose(x, y, pose.z, yaw, pose.pitch_down, pose.roll)
        poses.append(pose)
    return Drive(scene, camera, poses)


def _steer(scene: Scene, pose: Pose, turn: float) -> float:
    """Return the turn rate [rad/s] towards the most free floor, preferring the last one."""
    rates = np.linspace(-1.5, 1.5, 13)

    def room(rate: float) -> float:
        ahead_m = _free_ahead_m(scene, pose.x, pose.y, pose.yaw + rate)
        return ahead_m - 0.4 * abs(rate - turn) - 0.1 * abs(rate)

    return 0.8 * turn + 0.2 * float(max(rates, key=room))
