"""Wide lenses, and rendered frames that they took."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from depth_ros.evaluation.datasets.sample import Sample
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Frame
from depth_ros.training.render import Frames, render
from depth_ros.training.rooms.generator import random_room
from depth_ros.training.rooms.render import render_rooms
from depth_ros.training.rooms.viewpoint import ANY_ROBOT, random_viewpoint
from depth_ros.training.scenes import Robot, random_drive

_WIDTH, _HEIGHT = 640, 480
_CENTRE = ((_WIDTH - 1) / 2, (_HEIGHT - 1) / 2)
_USUAL = Camera.from_fov(_WIDTH, _HEIGHT, 75.0)
# Training seeds are pairs and triples: this, with an index, is neither.
_SEED = (20261, 4, 1)


def _fisheye(fov_deg: float) -> Camera:
    """Return an ideal equidistant lens of a horizontal field of view."""
    f_px = _WIDTH / math.radians(fov_deg)
    return Camera(_WIDTH, _HEIGHT, f_px, f_px, *_CENTRE, "equidistant", (0.0,) * 4)


LENSES = {
    "barrel, 90 deg": Camera(
        _WIDTH, _HEIGHT, 410.0, 410.0, *_CENTRE, "plumb_bob", (-0.3, 0.08, 0.0, 0.0)
    ),
    "fisheye, 140 deg": _fisheye(140.0),
    "fisheye, 180 deg": _fisheye(180.0),
}
"""Lenses by name; all images are 640x480."""

PLACES = ("rooms", "plain scenes")


def samples(place: str, lens: Camera, count: int) -> Iterator[Sample]:
    """Yield rendered frames of a lens, with their true z-depth; the same poses for all lenses."""
    for index in tqdm(range(count), desc=place, unit="frame", leave=False):
        seen = _rendered(place, lens, index)
        frame = Frame(seen.rgb[0].numpy(), lens, 1 + index, f"{place} {index}")
        yield Sample(frame, seen.depth_m[0].numpy(), f"{place} {index}", place)


def _rendered(place: str, lens: Camera, index: int) -> Frames:
    rng = np.random.default_rng((*_SEED, index))
    if place == "rooms":
        room = random_room(rng)
        return render_rooms([room], [random_viewpoint(rng, room, ANY_ROBOT, _USUAL)], [lens], index)
    drive = random_drive(rng, Robot(), _WIDTH, _HEIGHT, 1)
    return render([drive.scene], drive.poses, [lens], index)
