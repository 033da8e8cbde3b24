"""Where rays meet the shapes of rooms, against plain geometry of one ray and one shape."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from depth_ros.arrays import FloatArray
from depth_ros.geometry.camera import Camera
from depth_ros.training.rooms import tracing
from depth_ros.training.rooms.generator import random_room
from depth_ros.training.rooms.render import render_rooms
from depth_ros.training.rooms.room import Room
from depth_ros.training.rooms.tracing import Shapes, box_span, cylinder_span
from depth_ros.training.rooms.viewpoint import ANY_ROBOT, random_viewpoint
from depth_ros.training.scenes import Pose

CAMERA = Camera(44, 35, 33.0, 31.0, 19.2, 14.1)


def clip(value: float, step: float, low: float, high: float) -> tuple[float, float]:
    """Where value + t * step lies between low and high."""
    if step == 0:
        return (-math.inf, math.inf) if low < value < high else (math.inf, -math.inf)
    ends = sorted(((low - value) / step, (high - value) / step))
    return ends[0], ends[1]


def enter_box(box: FloatArray, origin: FloatArray, ray: FloatArray) -> float:
    x, y, z, yaw, half_length, half_width, height = box
    turn = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    o, d = turn @ (origin[:2] - (x, y)), turn @ ray[:2]
    spans = [
        clip(o[0], d[0], -half_length, half_length),
        clip(o[1], d[1], -half_width, half_width),
        clip(origin[2], ray[2], z, z + height),
    ]
    enter, leave = max(span[0] for span in spans), min(span[1] for span in spans)
    return enter if 0 < enter < leave else math.inf


def enter_cylinder(cylinder: FloatArray, origin: FloatArray, ray: FloatArray) -> float:
    x, y, z, radius, height = cylinder
    o, d = origin[:2] - (x, y), ray[:2]
    roots = np.roots([d @ d, 2 * (o @ d), o @ o - radius**2])
    if np.iscomplex(roots).any():
        return math.inf
    low, high = clip(origin[2], ray[2], z, z + height)
    enter, leave = max(min(roots.real), low), min(max(roots.real), high)
    return float(enter) if 0 < enter < leave else math.inf


def leave_room(size_m: FloatArray, origin: FloatArray, ray: FloatArray) -> float:
    lows, highs = -size_m / 2 * (1, 1, 0), size_m / (2, 2, 1)
    return min(clip(*values)[1] for values in zip(origin, ray, lows, highs, strict=True))


def first(room: Room, origin: FloatArray, ray: FloatArray) -> float:
    return min(
        leave_room(room.size_m, origin, ray),
        *(enter_box(box, origin, ray) for box in room.boxes),
        *(enter_cylinder(cylinder, origin, ray) for cylinder in room.cylinders),
    )


def tensors(*arrays: FloatArray) -> Iterator[torch.Tensor]:
    return (torch.from_numpy(array.T[None]).float() for array in arrays)


def random_rays(rng: np.random.Generator, count: int) -> tuple[FloatArray, FloatArray]:
    origins = rng.uniform(-2, 2, (count, 3))
    return origins, rng.uniform(-0.8, 0.8, (count, 3)) - origins


@pytest.mark.parametrize("shape", ["box", "cylinder"])
def test_a_ray_enters_a_shape_where_geometry_says(shape: str) -> None:
    rng = np.random.default_rng(0)
    origins, rays = random_rays(rng, 2000)
    if shape == "box":
        solid = np.array([0.3, -0.2, 0.1, 0.7, 0.9, 0.4, 0.8])
        expected = [enter_box(solid, o, d) for o, d in zip(origins, rays, strict=True)]
        enter, leave = box_span(*tensors(solid, origins, rays))
    else:
        solid = np.array([0.3, -0.2, 0.1, 0.6, 0.8])
        expected = [enter_cylinder(solid, o, d) for o, d in zip(origins, rays, strict=True)]
        enter, leave = cylinder_span(*tensors(solid, origins, rays))
    found = torch.where((enter < leave) & (enter > 0), enter, torch.inf)[0].double().numpy()
    assert np.isfinite(expected).sum() > 100
    assert np.allclose(found, expected, atol=1e-4) or (
        # A ray along an edge may fall to either side of it.
        (~np.isclose(found, expected, atol=1e-4)).sum() <= 2
    )


@pytest.mark.parametrize("seed", range(5))
def test_every_pixel_has_the_depth_of_the_nearest_shape(seed: int) -> None:
    rng = np.random.default_rng(seed)
    room = random_room(rng)
    pose = random_viewpoint(rng, room, ANY_ROBOT, CAMERA)
    depth_m = render_rooms([room], [pose], [CAMERA]).depth_m[0].double().numpy()
    transform = pose.world_from_optical()
    rays = CAMERA.rays().astype(np.float64)
    chosen = rng.permutation(CAMERA.height * CAMERA.width)[:250]
    off = 0
    for v, u in zip(*np.unravel_index(chosen, depth_m.shape), strict=True):
        ray = transform[:3, :3] @ np.array([*rays[v, u], 1.0])
        off += abs(first(room, transform[:3, 3], ray) - depth_m[v, u]) > 1e-3
    assert off <= 2, "but for rays along an edge"


def test_frames_of_a_batch_do_not_depend_on_their_neighbours() -> None:
    rng = np.random.default_rng(3)
    rooms = [random_room(rng) for _ in range(3)]
    poses = [random_viewpoint(rng, room, ANY_ROBOT, CAMERA) for room in rooms]
    together = render_rooms(rooms, poses, [CAMERA] * 3).depth_m
    for index, (room, pose) in enumerate(zip(rooms, poses, strict=True)):
        alone = render_rooms([room], [pose], [CAMERA]).depth_m[0]
        assert torch.allclose(together[index], alone, atol=1e-5)


def shapes_of(room: Room) -> Shapes:
    return Shapes(
        *(torch.from_numpy(a[None]).float() for a in (room.size_m, room.boxes, room.cylinders))
    )


def test_distances_from_shapes_are_those_of_the_room() -> None:
    rng = np.random.default_rng(4)
    room = random_room(rng)
    points = rng.uniform(-0.5, 0.5, (256, 3)) * room.size_m + (0, 0, room.size_m[2] / 2)
    shapes = shapes_of(room)
    everything = torch.ones(1, 1, len(room.boxes) + len(room.cylinders), dtype=torch.bool)
    tiles = torch.from_numpy(points.T[None, None]).float()
    found = tracing.distance_m(shapes, everything, tiles, 10.0)[0, 0].double().numpy()
    assert np.allclose(found, room.clearance_m(points).clip(0), atol=1e-4)


def test_what_a_ray_first_meets_is_what_is_rendered() -> None:
    rng = np.random.default_rng(6)
    room = random_room(rng)
    pose = Pose(0.0, 0.0, 1.2, 0.4)
    ahead = np.array([[math.cos(yaw), math.sin(yaw), -0.1] for yaw in np.linspace(-3, 3, 50)])
    origins = np.broadcast_to([pose.x, pose.y, pose.z], ahead.shape)
    t, shape = room.first(origins, ahead)
    for origin, ray, distance, index in zip(origins, ahead, t, shape, strict=True):
        if index < len(room.boxes):  # for planning, cylinders count as boxes
            boxes = [enter_box(box, origin, ray) for box in room.boxes]
            assert distance == pytest.approx(min(leave_room(room.size_m, origin, ray), *boxes))
