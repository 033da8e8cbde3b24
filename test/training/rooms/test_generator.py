"""Furnished rooms: all inside and held by something, and every richness makes a difference."""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import numpy.typing as npt
import pytest

from depth_ros.training.rooms.generator import MAX_PARTS, random_room
from depth_ros.training.rooms.materials import Pattern
from depth_ros.training.rooms.richness import FULL, Richness
from depth_ros.training.rooms.room import SHELL, Room

SEEDS = range(30)


def boxes_around(room: Room) -> npt.NDArray[np.float64]:
    """The lowest and highest corners of all shapes, (N, 2, 3)."""
    x, y, z, yaw, half_length, half_width, height = room.boxes.T
    dx = abs(np.cos(yaw)) * half_length + abs(np.sin(yaw)) * half_width
    dy = abs(np.sin(yaw)) * half_length + abs(np.cos(yaw)) * half_width
    boxes = np.array([[x - dx, y - dy, z], [x + dx, y + dy, z + height]])
    x, y, z, radius, height = room.cylinders.T
    round_ = np.array([[x - radius, y - radius, z], [x + radius, y + radius, z + height]])
    return np.asarray(np.concatenate([boxes, round_], axis=2).transpose(2, 0, 1))


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_is_inside_the_room(seed: int) -> None:
    room = random_room(np.random.default_rng(seed))
    around = boxes_around(room)
    low, high = -room.size_m / 2 * (1, 1, 0), room.size_m / (2, 2, 1)
    assert (around[:, 0] >= low - 0.02).all()
    assert (around[:, 1] <= high + 0.02).all()
    assert len(around) <= MAX_PARTS
    assert len(room.materials) == SHELL + len(around)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_floats(seed: int) -> None:
    room = random_room(np.random.default_rng(seed))
    around = boxes_around(room)
    half = room.size_m / 2 * (1, 1, 0)
    gap_m = 0.07
    held = (around[:, 0, 2] < gap_m) | (around[:, 1, 2] > room.size_m[2] - gap_m)
    held |= (around[:, 0, :2] < gap_m - half[:2]).any(1) | (
        around[:, 1, :2] > half[:2] - gap_m
    ).any(1)
    apart = np.maximum(
        around[:, None, 0] - around[None, :, 1], around[None, :, 0] - around[:, None, 1]
    )
    touching = (apart < gap_m).all(axis=2)
    for _ in range(12):
        held |= (touching & held).any(axis=1)
    assert held.all()


def parts(room: Room) -> int:
    return len(room.boxes) + len(room.cylinders)


# What there is more of with each; cameras are no part of the room (see test_frames).
RICHER: dict[str, Callable[[Room], int]] = {
    "furniture": parts,
    "textures": lambda room: len(np.unique(room.materials[:, 6])),
    "lights": lambda room: len(np.unique(room.lights[:, 9:12])),
    "openings": lambda room: int((room.materials[:, 6] == Pattern.OUTSIDE).sum()),
    "clutter": parts,
    "photo": lambda room: len(np.unique(room.photo)),
}


def test_the_table_names_every_richness() -> None:
    assert set(RICHER) | {"cameras"} == {field.name for field in fields(Richness)}


@pytest.mark.parametrize("name", RICHER)
def test_every_richness_changes_something(name: str) -> None:
    less = replace(FULL, **{name: False})
    pairs = [
        (random_room(np.random.default_rng(seed)), random_room(np.random.default_rng(seed), less))
        for seed in range(6)
    ]
    count = RICHER[name]
    assert sum(count(rich) for rich, _ in pairs) > 1.2 * sum(count(poor) for _, poor in pairs)


def test_a_seed_gives_one_room() -> None:
    one, same, other = (random_room(np.random.default_rng(seed)) for seed in (1, 1, 2))
    for field in fields(Room):
        assert np.array_equal(getattr(one, field.name), getattr(same, field.name))
    assert not np.array_equal(one.size_m, other.size_m)


def test_rooms_are_small_and_large() -> None:
    areas_m2 = [np.prod(random_room(np.random.default_rng(seed)).size_m[:2]) for seed in range(100)]
    assert min(areas_m2) < 7
    assert max(areas_m2) > 80
