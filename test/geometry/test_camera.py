"""Camera: lens models against OpenCV, inverses, scaling and cropping, the ray table, errors."""

from __future__ import annotations

import math
from dataclasses import replace
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

WIDTH, HEIGHT = 64, 40
# Coefficients of real lenses: a webcam, a strong barrel, a factory calibration with eight
# coefficients (an Azure Kinect's are of this size), a 180 degree fisheye.
LENSES: dict[Lens, tuple[float, ...]] = {
    "none": (),
    "plumb_bob": (-0.28, 0.09, 0.0011, -0.0007, -0.014),
    "rational_polynomial": (0.46, -2.51, 0.0008, -0.0002, 1.45, 0.34, -2.34, 1.38),
    "equidistant": (-0.04, 0.012, -0.004, 0.0006),
}


def camera_with(lens: Lens, coefficients: tuple[float, ...], focal_px: float = 50.0) -> Camera:
    # cx and cy are off the centre, fx is not fy: mixing up an axis shows.
    return Camera(WIDTH, HEIGHT, focal_px, focal_px * 1.1, 29.3, 21.7, lens, coefficients)


EIGHT = LENSES["rational_polynomial"]
PRISM = (*EIGHT, 0.012, -0.004, -0.009, 0.003)
TILT = (*PRISM, 0.05, -0.08)
CAMERAS = [camera_with(lens, coefficients) for lens, coefficients in LENSES.items()]
CAMERAS += [camera_with("rational_polynomial", coefficients) for coefficients in (PRISM, TILT)]
# As `camera_calibration --fisheye` gives it.
CAMERAS += [replace(camera_with("equidistant", LENSES["equidistant"]), skew=-0.012)]
any_camera = pytest.mark.parametrize(
    "camera", CAMERAS, ids=lambda c: f"{c.lens}{len(c.coefficients)}{'-skew' if c.skew else ''}"
)


def pixel_grid(camera: Camera, every: int = 3) -> FloatArray:
    u, v = np.meshgrid(np.arange(0, camera.width, every), np.arange(0, camera.height, every))
    return np.stack([u, v], axis=-1).astype(np.float64)


def points_of(rays: FloatArray, z: float = 2.5) -> FloatArray:
    return np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * z


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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lens", ["plumb_bob", "rational_polynomial", "equidistant"])
@pytest.mark.parametrize("k1", [1e300, -1e300, 1e155])
def test_coefficients_of_no_lens_are_warned_of_in_our_words_only(lens: Lens, k1: float) -> None:
    count = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}[lens]
    camera = camera_from(lens=lens, coefficients=(k1,) * 2 + (0.0,) * (count - 2))
    assert "of the pixels have no ray" in camera.ray_warning


@pytest.mark.parametrize("rectangle", [(-1, 0, 5, 5), (60, 0, 5, 5), (0, 36, 5, 5), (0, 0, 0, 5)])
def test_a_crop_that_leaves_the_image_is_an_error(rectangle: tuple[int, int, int, int]) -> None:
    with pytest.raises(CameraError, match="does not lie"):
        camera_from().crop(*rectangle)


@pytest.mark.parametrize("fov_deg", [0.0, 180.0, -20.0, math.nan])
def test_a_field_of_view_no_pinhole_has_is_an_error(fov_deg: float) -> None:
    with pytest.raises(CameraError, match="fov_deg"):
        Camera.from_fov(WIDTH, HEIGHT, fov_deg)


def test_an_image_cannot_be_resized_to_nothing() -> None:
    with pytest.raises(CameraError, match="0x10"):
        camera_from().scale(0, 10)


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


# --- pixels without a ray


def test_the_share_of_pixels_without_a_ray_is_that_of_the_table() -> None:
    for camera in CAMERAS:
        assert camera.share_without_ray == 0
    blind = Camera(400, 300, 60.0, 60.0, 199.5, 149.5, "equidistant", (0.0,) * 4)
    share = np.isnan(blind.rays()).any(axis=-1).mean()
    assert 0.5 < share < 0.8
    assert blind.share_without_ray == pytest.approx(share, abs=0.02)
    assert Camera(1, 1, 5.0, 5.0, 0.0, 0.0).share_without_ray == 0
