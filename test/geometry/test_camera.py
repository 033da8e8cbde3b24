"""Camera: lens models against OpenCV, inverses, the ray table, fields of view."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from depth_ros.arrays import FloatArray
from depth_ros.errors import CameraError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.lens import Lens
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


def opencv_projection(camera: Camera, points: FloatArray) -> FloatArray:
    flat = points.reshape(-1, 1, 3)
    zero, k = np.zeros(3), np.array(camera.coefficients or (0.0,) * 4)
    fisheye = camera.lens == "equidistant"
    if fisheye:
        pixels = cv2.fisheye.projectPoints(
            flat, zero, zero, upright_matrix(camera), k, alpha=camera.skew
        )[0]
    else:
        pixels = cv2.projectPoints(flat, zero, zero, camera.matrix, k)[0]
    return np.asarray(pixels, np.float64).reshape(*points.shape[:-1], 2)


def upright_matrix(camera: Camera) -> FloatArray:
    """K without its skew, which OpenCV takes beside it, or ignores."""
    return np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])


def opencv_rays(camera: Camera, pixels: FloatArray) -> FloatArray:
    # OpenCV undistorts no skew: it is taken out of the pixels first.
    u, v = pixels[..., 0], pixels[..., 1]
    u = u - camera.fx * camera.skew * (v - camera.cy) / camera.fy
    flat = np.stack([u, v], axis=-1).reshape(-1, 1, 2)
    k = np.array(camera.coefficients or (0.0,) * 4)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-12)
    if camera.lens == "equidistant":
        rays: Any = cv2.fisheye.undistortPoints(flat, upright_matrix(camera), k, criteria=stop)
    elif hasattr(cv2, "undistortPointsIter"):  # OpenCV 4
        rays = cv2.undistortPointsIter(flat, camera.matrix, k, np.eye(3), np.eye(3), stop)
    else:
        rays = cv2.undistortPoints(flat, camera.matrix, k, criteria=stop)
    return np.asarray(rays, np.float64).reshape(pixels.shape)


# --- lens models


@any_camera
def test_points_project_where_opencv_projects_them(camera: Camera) -> None:
    x, y = np.meshgrid(np.linspace(-0.6, 0.6, 13), np.linspace(-0.4, 0.4, 9))
    points = points_of(np.stack([x, y], axis=-1))
    np.testing.assert_allclose(
        camera.project(points), opencv_projection(camera, points), rtol=0, atol=1e-9
    )


@any_camera
def test_pixels_have_the_rays_opencv_gives_them(camera: Camera) -> None:
    pixels = pixel_grid(camera)
    np.testing.assert_allclose(
        camera.unproject(pixels), opencv_rays(camera, pixels), rtol=0, atol=1e-7
    )


@any_camera
def test_every_pixel_comes_back_from_its_ray(camera: Camera) -> None:
    pixels = pixel_grid(camera, every=1)
    back = camera.project(points_of(camera.unproject(pixels)))
    np.testing.assert_allclose(back, pixels, rtol=0, atol=1e-3)


@any_camera
def test_a_float32_ray_times_depth_projects_back_to_its_pixel(camera: Camera) -> None:
    points = points_of(camera.rays().astype(np.float64), z=7.0)
    np.testing.assert_allclose(
        camera.project(points), pixel_grid(camera, every=1), rtol=0, atol=1e-3
    )


coefficient = st.floats(-0.5, 0.5)
off_centre = st.floats(-0.005, 0.005)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([lens for lens in LENSES if lens != "none"]),
    st.tuples(coefficient, coefficient, off_centre, off_centre, *[coefficient] * 4),
)
# off the lens's centre, and about to fold: Newton's method must not start at the fold
@example("plumb_bob", (0.0, 0.25, -0.00125, 0.0, -0.375, 0.0, 0.0, 0.0))
@example(
    "rational_polynomial", (0.5, -0.46875, 0.0, 0.0, -0.2109375, -0.177734375, -0.34375, 0.015625)
)
@example(
    "rational_polynomial",
    (0.46875, -0.4453125, 0.0, 0.0, -0.2109375, -0.15625, -0.3515625, 0.015625),
)
@example("rational_polynomial", (0.140625, -0.25, -0.005, 0.0, 0.0, -0.375, 0.0, 0.0))
def test_rays_come_back_from_their_pixels_as_far_out_as_the_lens_is_one_to_one(
    lens: Lens, values: tuple[float, ...]
) -> None:
    camera = camera_with(lens, values[: len(LENSES[lens])])
    radii = np.tan(np.linspace(0, math.radians(75), 400))
    direction = np.array([0.8, -0.6])
    rays = radii[:, None] * direction
    pixels = opencv_projection(camera, points_of(rays))
    distorted = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy) @ direction
    # With a margin: at the fold itself the rays of neighbouring pixels are far apart. No image
    # reaches further than three focal lengths from its centre.
    slope = np.diff(distorted) / np.diff(radii)
    # Nor is a lens near a pole of the rational polynomial, where it maps all angles to one.
    one_to_one = (slope > 0.2) & (slope < 5) & (distorted[1:] < 3)
    reach = max(0, int(np.argmin(np.append(one_to_one, False))) - 2)
    np.testing.assert_allclose(camera.unproject(pixels[:reach]), rays[:reach], rtol=0, atol=1e-6)


def test_a_pixel_that_only_the_folded_part_of_the_polynomial_reaches_has_no_ray() -> None:
    # r (1 - 0.3 r^2) grows up to r = 1.054, to 0.703, and falls from there on.
    camera = Camera(WIDTH, HEIGHT, 40.0, 40.0, 10.0, 20.0, "plumb_bob", (-0.3, 0.0, 0.0, 0.0))
    edge_px = 10 + 40 * 0.7027
    rays = camera.unproject([[edge_px - 1, 20.0], [edge_px + 1, 20.0], [60.0, 20.0]])
    assert 0.88 < rays[0, 0] < 1.054
    assert np.isnan(rays[1:]).all()


def test_no_ray_comes_from_a_second_branch_where_the_polynomial_rises_again() -> None:
    # r (1 - 0.6 r^2 + 0.15 r^4) falls between r = 0.93 and 1.24 and rises steeply after that.
    camera = Camera(WIDTH, HEIGHT, 30.0, 30.0, 5.0, 20.0, "plumb_bob", (-0.6, 0.15, 0.0, 0.0))
    rays = camera.rays()[20, :, 0]
    assert np.nanmax(rays) < 0.95
    assert np.isnan(rays[40:]).all()


def test_a_point_the_polynomial_would_fold_back_into_the_image_is_not_projected() -> None:
    camera = Camera(WIDTH, HEIGHT, 40.0, 40.0, 10.0, 20.0, "plumb_bob", (-0.3, 0.0, 0.0, 0.0))
    folded = [1.6, 0.0, 1.0]
    assert 0 < opencv_projection(camera, np.array([folded]))[0, 0] < WIDTH
    assert np.isnan(camera.project(folded)).all()


def test_a_fisheye_has_no_ray_at_ninety_degrees_and_beyond() -> None:
    f_px = 20.0
    camera = Camera(WIDTH, HEIGHT, f_px, f_px, 0.0, 20.0, "equidistant", (0.0, 0.0, 0.0, 0.0))
    edge_px = f_px * math.pi / 2
    rays = camera.unproject([[edge_px - 0.5, 20], [edge_px + 0.001, 20], [edge_px + 20, 20]])
    assert rays[0, 0] == pytest.approx(math.tan((edge_px - 0.5) / f_px))
    assert np.isnan(rays[1:]).all()


def test_points_behind_the_camera_or_in_its_plane_have_no_pixel() -> None:
    for camera in CAMERAS:
        assert np.isnan(camera.project([[0.1, 0.2, -1.0], [0.1, 0.2, 0.0]])).all()


def test_a_pixel_that_is_not_a_number_has_no_ray() -> None:
    for camera in CAMERAS:
        assert np.isnan(camera.unproject([math.nan, 3.0])).any()


# --- the ray table


@any_camera
def test_the_ray_table_holds_each_pixels_ray_at_its_row_and_column(camera: Camera) -> None:
    table = camera.rays()
    assert table.shape == (HEIGHT, WIDTH, 2)
    assert table.dtype == np.float32
    np.testing.assert_allclose(table[7, 31], camera.unproject([31, 7]), atol=1e-6)


def test_equal_cameras_share_one_read_only_ray_table() -> None:
    table = camera_with("plumb_bob", LENSES["plumb_bob"]).rays()
    assert camera_with("plumb_bob", LENSES["plumb_bob"]).rays() is table
    with pytest.raises(ValueError, match="read-only"):
        table[0, 0] = 0


def test_a_ray_table_of_many_rows_has_no_seams() -> None:
    camera = Camera(700, 60, 600.0, 600.0, 350.0, 30.0, "plumb_bob", LENSES["plumb_bob"])
    np.testing.assert_array_equal(
        camera.rays(), camera.unproject(pixel_grid(camera, every=1)).astype(np.float32)
    )


# --- field of view


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 4000), st.integers(2, 4000), st.floats(1, 170))
def test_a_camera_from_a_field_of_view_has_it(width: int, height: int, fov_deg: float) -> None:
    camera = Camera.from_fov(width, height, fov_deg)
    across, down = camera.fov_deg
    assert across == pytest.approx(fov_deg)
    assert math.tan(math.radians(down) / 2) * width == pytest.approx(
        math.tan(math.radians(fov_deg) / 2) * height
    )
    np.testing.assert_allclose(camera.unproject([(width - 1) / 2, (height - 1) / 2]), 0, atol=1e-12)


def test_a_fisheyes_field_of_view_is_that_of_its_angles() -> None:
    camera = Camera(80, 40, 40.0, 40.0, 39.5, 19.5, "equidistant", (0.0, 0.0, 0.0, 0.0))
    np.testing.assert_allclose(camera.fov_deg, np.degrees([2.0, 1.0]))


@pytest.mark.parametrize("fov_deg", [0.0, 180.0, -20.0, math.nan])
def test_a_field_of_view_no_pinhole_has_is_an_error(fov_deg: float) -> None:
    with pytest.raises(CameraError, match="fov_deg"):
        Camera.from_fov(WIDTH, HEIGHT, fov_deg)


# --- pixels without a ray


def test_the_share_of_pixels_without_a_ray_is_that_of_the_table() -> None:
    for camera in CAMERAS:
        assert camera.share_without_ray == 0
    blind = Camera(400, 300, 60.0, 60.0, 199.5, 149.5, "equidistant", (0.0,) * 4)
    share = np.isnan(blind.rays()).any(axis=-1).mean()
    assert 0.5 < share < 0.8
    assert blind.share_without_ray == pytest.approx(share, abs=0.02)
    assert Camera(1, 1, 5.0, 5.0, 0.0, 0.0).share_without_ray == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lens", ["plumb_bob", "rational_polynomial", "equidistant"])
@pytest.mark.parametrize("k1", [1e300, -1e300, 1e155])
def test_coefficients_of_no_lens_are_warned_of_in_our_words_only(lens: Lens, k1: float) -> None:
    count = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}[lens]
    camera = camera_with(lens, (k1,) * 2 + (0.0,) * (count - 2))
    assert "of the pixels have no ray" in camera.ray_warning
