"""Light on surfaces: shadows, windows that the sun shines through, contacts."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from depth_ros.geometry.camera import Camera
from depth_ros.training.rooms.materials import Material
from depth_ros.training.rooms.piece import block
from depth_ros.training.rooms.render import render_rooms
from depth_ros.training.rooms.room import Box, Gate, Light, Part, Photo, Room, Vector, assemble
from depth_ros.training.scenes import Pose

GREY = Material((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), grain=0.0)
LAMP = Light((0.0, 0.0, 2.8), (0.05, 0, 0), (0, 0.05, 0), (1.0, 1.0, 1.0), 3.0)
# From under the ceiling in a corner down to the floor around the origin.
EYE = Pose(-2.8, 0.0, 2.6, 0.0, math.radians(42))
CAMERA = Camera.from_fov(160, 120, 60)


def room(parts: list[Part], *lights: Light, ambient: Vector = (0.1, 0.1, 0.1)) -> Room:
    return assemble((6.0, 6.0, 3.0), [GREY] * 3, parts, lights, ambient, Photo(noise=0.0))


def looks(scene: Room, camera: Camera = CAMERA, pose: Pose = EYE) -> torch.Tensor:
    return render_rooms([scene], [pose], [camera]).rgb[0].float().mean(-1)


def on_floor(x: float, y: float) -> tuple[int, int]:
    """The pixel that sees a place on the floor."""
    transform = np.linalg.inv(EYE.world_from_optical())
    u, v = CAMERA.project((transform @ [x, y, 0, 1])[:3]).round().astype(int)
    return int(v), int(u)


def test_what_the_lamp_does_not_see_is_dark() -> None:
    board = block((0, 0), (0.5, 0.5), (1.4, 1.45), GREY)
    lit, shaded = looks(room([], LAMP)), looks(room([board], LAMP))
    shadow, beside = on_floor(0.8, 0.0), on_floor(0.3, 1.5)
    assert shaded[shadow] < 0.6 * shaded[beside]
    assert lit[shadow] > 0.9 * lit[beside]


def test_a_larger_light_has_a_softer_shadow() -> None:
    board = block((0, 0), (0.4, 0.4), (0.9, 0.95), GREY)
    large = LAMP._replace(a=(0.6, 0, 0), b=(0, 0.6, 0))
    row = on_floor(0.3, 0)[0]

    def steepest(light: Light) -> float:
        return float(looks(room([board], light))[row].diff().abs().max())

    assert steepest(large) < 0.7 * steepest(LAMP)


def test_a_lamp_that_glows_casts_no_shadow() -> None:
    shade = block((0, 0), (0.5, 0.5), (1.4, 1.45), GREY._replace(glow=0.5))
    assert (
        looks(room([shade], LAMP))[on_floor(0.8, 0.0)]
        > 0.6 * looks(room([], LAMP))[on_floor(0.8, 0.0)]
    )


def test_the_sun_shines_through_its_window_alone() -> None:
    # From the wall at y = 3, 45 degrees down: the window's light lies 1 to 2 m from that wall.
    gate = Gate(1, 3.0, -0.5, 0.5, 1.0, 2.0)
    sun = Light((0, 33, 31.5), (0.1, 0, 0), (0, 0.1, 0), (3.0, 3.0, 3.0), math.inf, gate=gate)
    image = looks(room([], sun))
    assert image[on_floor(0.0, 1.5)] > 1.5 * image[on_floor(0.0, 0.0)]
    assert image[on_floor(1.2, 1.5)] < 0.7 * image[on_floor(0.0, 1.5)]


@pytest.mark.parametrize("yaw", [0.0, 0.4])
def test_the_floor_is_darker_where_something_stands_on_it(yaw: float) -> None:
    crate = Box(0.5, 0.0, 0.0, yaw, 0.3, 0.3, 0.5, GREY)
    image = looks(room([crate], ambient=(1.0, 1.0, 1.0)))
    assert image[on_floor(0.13, 0.0)] < 0.92 * image[on_floor(-0.6, 0.0)]


def test_glossy_floors_mirror_lamps() -> None:
    scene = room([], LAMP)
    glossy = scene.materials.copy()
    glossy[0, 12] = 2.0
    dull, bright = looks(scene), looks(replace(scene, materials=glossy))
    ratio = bright / bright.mean() / (dull / dull.mean())
    assert ratio.max() > 1.5
