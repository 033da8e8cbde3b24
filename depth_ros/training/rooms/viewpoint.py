"""Camera poses in rooms: with free space around them and something in view."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray
from depth_ros.geometry.camera import Camera
from depth_ros.training.rooms.room import Room
from depth_ros.training.scenes import Pose, Robot

ANY_ROBOT = Robot(
    camera_height_m=(0.1, 1.8),
    pitch_down_deg=(-15.0, 40.0),
    roll_deg=(-3.0, 3.0),
    fov_deg=(40.0, 100.0),
)
"""From a vacuum cleaner to a person-sized robot, with any usual lens."""

CLEARANCE_M = 0.2
_LOW = 0.7  # of a camera's height that is enough as free space
_TRIES, _ROUNDS = 8, 6
_RAYS = 5
_NEAR_M, _MIDDLE_M, _SPREAD = 0.12, 0.7, 1.35
_MOST_OBJECTS, _FARTHEST_M = 12, 3.5


class _View(NamedTuple):
    """Properties of the views of cameras, (N,) each.

    Attributes:
        near_m, middle_m, far_m: quantiles of the distance along the optical axis.
        objects: number of shapes in the image.
    """

    near_m: FloatArray
    middle_m: FloatArray
    far_m: FloatArray
    objects: npt.NDArray[np.intp]

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """Whether there are objects at several distances, and nothing too close."""
        deep = (self.middle_m > _MIDDLE_M) & (self.far_m > _SPREAD * self.near_m)
        return np.asarray(deep & (self.near_m > _NEAR_M))

    def scores(self, objects: float, middle_m: float) -> FloatArray:
        """Return a score: up to 1 each for reaching the wanted object count and distance."""
        seen = np.minimum(self.objects / objects, 1) + np.minimum(self.middle_m / middle_m, 1)
        return np.asarray(seen - 10 * ~self.good)


def random_viewpoint(rng: np.random.Generator, room: Room, robot: Robot, camera: Camera) -> Pose:
    """Return a pose with free space around it that sees near and far objects.

    It is the first of several tries with enough objects at enough distance (both limits are
    random), or the best one. All tries have the same height, so that heights are uniform over the
    robot's range.
    """
    height_m = float(rng.uniform(*robot.camera_height_m))
    wanted = rng.uniform(1, _MOST_OBJECTS), rng.uniform(_MIDDLE_M, _FARTHEST_M)
    tries: list[tuple[float, Pose]] = []
    for _ in range(_ROUNDS):
        poses = _candidates(rng, room, robot, height_m)
        spare_m = np.array([_spare_m(room, pose) for pose in poses])
        free = [pose for pose, there_m in zip(poses, spare_m, strict=True) if there_m > 0]
        if not free:
            tries.append((float(spare_m.max()) - 100, poses[int(spare_m.argmax())]))
        else:
            view = _view(room, free, camera)
            scores = view.scores(*wanted)
            tries.append((float(scores.max()), free[int(scores.argmax())]))
        if tries[-1][0] >= 2:
            break
    return max(tries, key=itemgetter(0))[1]


def _candidates(rng: np.random.Generator, room: Room, robot: Robot, height_m: float) -> list[Pose]:
    half = room.size_m[:2] / 2 - CLEARANCE_M
    return [
        Pose(
            float(rng.uniform(-half[0], half[0])),
            float(rng.uniform(-half[1], half[1])),
            height_m,
            float(rng.uniform(-math.pi, math.pi)),
            math.radians(rng.uniform(*robot.pitch_down_deg)),
            math.radians(rng.uniform(*robot.roll_deg)),
        )
        for _ in range(_TRIES)
    ]


def _spare_m(room: Room, pose: Pose) -> float:
    """Return the free space around a camera minus the needed space; low cameras need less."""
    free_m = float(room.clearance_m(np.array([pose.x, pose.y, pose.z])))
    return free_m - min(CLEARANCE_M, _LOW * pose.z)


def _view(room: Room, poses: list[Pose], camera: Camera) -> _View:
    v = np.linspace(0, camera.height - 1, _RAYS).round().astype(int)
    u = np.linspace(0, camera.width - 1, _RAYS).round().astype(int)
    rays = camera.rays()[v][:, u].reshape(-1, 2).astype(np.float64)
    ahead = np.concatenate([rays, np.ones_like(rays[:, :1])], axis=1)
    transforms = np.stack([pose.world_from_optical() for pose in poses])
    directions = np.einsum("bij,pj->bpi", transforms[:, :3, :3], ahead)
    origins = np.broadcast_to(transforms[:, None, :3, 3], directions.shape)
    depth_m, shapes = room.first(origins, directions)
    objects = np.array([len(np.unique(hit[hit >= 0])) for hit in shapes])
    near_m, middle_m, far_m = np.quantile(depth_m, (0.1, 0.5, 0.9), axis=1)
    return _View(near_m, middle_m, far_m, objects)
