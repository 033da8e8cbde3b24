"""Intrinsics: of resized, cut and turned images, the matrix, errors."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depth_ros.errors import CameraError
from depth_ros.geometry.camera import Camera
from test.geometry.cameras import (
    CAMERAS,
    HEIGHT,
    LENSES,
    WIDTH,
    any_camera,
    camera_with,
    pixel_grid,
    points_of,
)

# --- the same lens on a resized or cut image


sizes = st.tuples(st.integers(1, 200), st.integers(1, 200))
camera_index = st.integers(0, len(CAMERAS) - 1)


@settings(max_examples=50, deadline=None)
@given(camera_index, sizes)
def test_a_resized_image_sees_the_same_rays(index: int, size: tuple[int, int]) -> None:
    camera, (width, height) = CAMERAS[index], size
    pixels = pixel_grid(camera)
    factor = np.array([width / camera.width, height / camera.height])
    resized = (pixels + 0.5) * factor - 0.5
    scaled = camera.scale(width, height)
    assert (scaled.width, scaled.height) == (width, height)
    np.testing.assert_allclose(scaled.unproject(resized), camera.unproject(pixels), atol=1e-9)


def test_the_mean_of_a_block_of_pixels_lies_on_the_ray_of_the_pixel_it_becomes() -> None:
    camera = CAMERAS[0]
    rays = camera.rays().reshape(HEIGHT // 4, 4, WIDTH // 4, 4, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(camera.scale(WIDTH // 4, HEIGHT // 4).rays(), rays, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(camera_index, st.data())
def test_a_cut_image_keeps_the_rays_of_its_pixels(index: int, data: st.DataObject) -> None:
    camera = CAMERAS[index]
    x, y = data.draw(st.integers(0, WIDTH - 1)), data.draw(st.integers(0, HEIGHT - 1))
    width = data.draw(st.integers(1, WIDTH - x))
    height = data.draw(st.integers(1, HEIGHT - y))
    np.testing.assert_allclose(
        camera.crop(x, y, width, height).rays(),
        camera.rays()[y : y + height, x : x + width],
        atol=1e-6,
    )


@any_camera
@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_every_nth_pixel_keeps_its_ray(camera: Camera, step: int) -> None:
    some = camera.subsample(step)
    assert (some.width, some.height) == (math.ceil(WIDTH / step), math.ceil(HEIGHT / step))
    np.testing.assert_allclose(some.rays(), camera.rays()[::step, ::step], atol=1e-6)


# --- the same image turned


@any_camera
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_image_keeps_the_rays_of_its_pixels_turned_alike(
    camera: Camera, turns: int
) -> None:
    turned = camera.turned(turns)
    assert (turned.width, turned.height) == ((WIDTH, HEIGHT) if turns == 2 else (HEIGHT, WIDTH))
    rays = np.rot90(camera.rays(), -turns)
    x, y = rays[..., 0], rays[..., 1]
    expected = np.stack({1: (-y, x), 2: (-x, -y), 3: (y, -x)}[turns], axis=-1)
    np.testing.assert_allclose(turned.rays(), expected, atol=1e-6)
    back = turned.project(points_of(turned.rays().astype(np.float64)))
    np.testing.assert_allclose(back, pixel_grid(turned, every=1), rtol=0, atol=1e-3)


@any_camera
def test_turning_four_times_or_there_and_back_changes_nothing(camera: Camera) -> None:
    for turns in range(4):
        back = camera.turned(turns).turned(-turns)
        assert back.turns == 0
        np.testing.assert_allclose(back.matrix, camera.matrix, rtol=1e-12, atol=1e-12)
        assert replace(back, cx=camera.cx, cy=camera.cy) == camera
    assert camera.turned(0) == camera


@any_camera
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_matrix_is_what_maps_rays_that_no_lens_bends(camera: Camera, turns: int) -> None:
    straight = replace(camera, lens="none", coefficients=()).turned(turns)
    points = np.array([[0.1, 0.2, 1.0], [-0.3, 0.05, 1.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(straight.project(points), (points @ straight.matrix.T)[:, :2])


def test_a_turned_image_may_be_resized_and_cut_like_any_other() -> None:
    camera = camera_with("plumb_bob", LENSES["plumb_bob"])
    one = camera.crop(4, 6, 50, 30).scale(100, 60).turned(1)
    other = camera.turned(1).crop(HEIGHT - 36, 4, 30, 50).scale(60, 100)
    np.testing.assert_allclose(one.rays(), other.rays(), atol=1e-6)


def test_one_focal_length_stands_for_two() -> None:
    camera = Camera(WIDTH, HEIGHT, 40.0, 90.0, 30.0, 20.0)
    assert camera.f_px == pytest.approx(60.0)
    np.testing.assert_array_equal(camera.matrix, [[40, 0, 30], [0, 90, 20], [0, 0, 1]])


# --- errors


def camera_from(**changes: Any) -> Camera:
    fields: dict[str, Any] = {
        "width": WIDTH,
        "height": HEIGHT,
        "fx": 50.0,
        "fy": 50.0,
        "cx": 32.0,
        "cy": 20.0,
    }
    return Camera(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"width": 0}, "0x40"),
        ({"height": -1}, "64x-1"),
        ({"fx": 0.0}, "focal length"),
        ({"fy": -3.0}, "focal length"),
        ({"fx": math.nan}, "focal length"),
        ({"cx": math.inf}, "finite"),
        ({"lens": "plumb_bob", "coefficients": (0.1, 0.0, math.nan, 0.0)}, "finite"),
        ({"lens": "fish"}, "'fish'.*plumb_bob.*rational_polynomial.*equidistant"),
        ({"lens": "plumb_bob", "coefficients": (0.1,)}, "1 coefficients, expected 4 or 5"),
        ({"lens": "rational_polynomial", "coefficients": (0.1,) * 5}, "expected 8 or 12 or 14"),
        ({"lens": "rational_polynomial", "coefficients": (0.0,) * 13 + (1.6,)}, "tilted"),
        ({"skew": math.nan}, "finite"),
        ({"lens": "equidistant"}, "0 coefficients, expected 4"),
        ({"coefficients": (0.1,) * 4}, "expected 0"),
    ],
)
def test_an_impossible_camera_names_what_is_wrong(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(CameraError, match=named):
        camera_from(**changes)


@pytest.mark.parametrize("rectangle", [(-1, 0, 5, 5), (60, 0, 5, 5), (0, 36, 5, 5), (0, 0, 0, 5)])
def test_a_crop_that_leaves_the_image_is_an_error(rectangle: tuple[int, int, int, int]) -> None:
    with pytest.raises(CameraError, match="does not lie"):
        camera_from().crop(*rectangle)


def test_an_image_cannot_be_resized_to_nothing() -> None:
    with pytest.raises(CameraError, match="0x10"):
        camera_from().scale(0, 10)
