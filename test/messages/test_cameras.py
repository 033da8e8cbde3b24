"""camera_info to cameras, and to the camera_info of depth."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.errors import CameraError
from depth_ros.geometry.camera import Camera
from depth_ros.messages import (
    camera_from_info,
    depth_info,
)
from test.messages.makers import (
    Maker,
    plain,
    quick,
)

K = (500.0, 0.0, 317.0, 0.0, 510.0, 239.0, 0.0, 0.0, 1.0)
P = (480.0, 0.0, 320.5, -48.0, 0.0, 490.0, 241.5, 24.5, 0.0, 0.0, 1.0, 0.0)
R = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)
D = (-0.3, 0.1, 0.001, -0.002, 0.01)
FOURTEEN = (*D, 0.02, 0.03, 0.04, 0.005, 0.006, 0.007, 0.008, 0.05, -0.06)


def camera_info(
    make: Maker = plain, roi: tuple[int, int, int, int] = (0, 0, 0, 0), **f: Any
) -> Any:
    """Make a CameraInfo; roi is x_offset, y_offset, width, height."""
    fields: dict[str, Any] = {
        "width": 640,
        "height": 480,
        "distortion_model": "plumb_bob",
        "d": D,
        "k": K,
        "r": R,
        "p": P,
        "binning_x": 0,
        "binning_y": 0,
    }
    x, y, width, height = roi
    region = make(
        "RegionOfInterest", x_offset=x, y_offset=y, width=width, height=height, do_rectify=False
    )
    return make("CameraInfo", **(fields | {"roi": region} | f))


@pytest.mark.parametrize(
    ("model", "d", "lens", "coefficients"),
    [
        ("plumb_bob", D, "plumb_bob", D),
        ("plumb_bob", D[:4], "plumb_bob", D[:4]),
        ("plumb_bob", (*D, 0, 0, 0), "plumb_bob", D),
        ("plumb_bob", (0,) * 5, "none", ()),
        ("plumb_bob", (), "none", ()),
        ("", (), "none", ()),
        ("", (0,) * 5, "none", ()),
        ("rational_polynomial", (*D, 1, 2, 3), "rational_polynomial", (*D, 1, 2, 3)),
        ("rational_polynomial", (*D, 1, 2, 3) + (0,) * 6, "rational_polynomial", (*D, 1, 2, 3)),
        ("rational_polynomial", D, "rational_polynomial", (*D, 0, 0, 0)),
        ("rational_polynomial", (0,) * 8, "none", ()),
        ("equidistant", D[:4], "equidistant", D[:4]),
        ("fisheye", D[:4], "equidistant", D[:4]),
        ("equidistant", (0,) * 4, "equidistant", (0,) * 4),
        ("equidistant", (), "equidistant", (0,) * 4),
        ("equidistant", (*D[:4], 0, 0, 0, 0), "equidistant", D[:4]),
        # Orbbec's Femto publishes eight coefficients as plumb_bob; OpenCV uses their number.
        ("plumb_bob", (*D, 1, 2, 3), "rational_polynomial", (*D, 1, 2, 3)),
        ("plumb_bob", (*D, 1, 2, 3) + (0,) * 6, "rational_polynomial", (*D, 1, 2, 3)),
        ("rational_polynomial", FOURTEEN, "rational_polynomial", FOURTEEN),
        ("rational_polynomial", FOURTEEN[:12], "rational_polynomial", FOURTEEN[:12]),
        ("rational_polynomial", (*FOURTEEN[:12], 0, 0), "rational_polynomial", FOURTEEN[:12]),
    ],
)
def test_a_raw_image_has_the_lens_of_its_distortion_model(
    make: Maker, model: str, d: tuple[float, ...], lens: Any, coefficients: tuple[float, ...]
) -> None:
    camera = camera_from_info(camera_info(make, distortion_model=model, d=d))
    assert camera == Camera(640, 480, 500.0, 510.0, 317.0, 239.0, lens, coefficients)


def test_a_rectified_image_has_the_projection_matrix_and_no_distortion(make: Maker) -> None:
    camera = camera_from_info(camera_info(make), rectified=True)
    assert camera == Camera(640, 480, 480.0, 490.0, 320.5, 241.5)


regions = st.tuples(
    st.integers(0, 300), st.integers(0, 200), st.integers(40, 340), st.integers(40, 280)
)
binnings = st.integers(0, 4)


@quick
@given(roi=regions | st.just((0, 0, 0, 0)), bx=binnings, by=binnings, rectified=st.booleans())
def test_an_image_of_part_of_the_sensor_sees_what_that_part_sees(
    roi: tuple[int, int, int, int], bx: int, by: int, rectified: bool
) -> None:
    info = camera_info(roi=roi, binning_x=bx, binning_y=by)
    camera = camera_from_info(info, rectified)
    x, y, width, height = roi if any(roi) else (0, 0, 640, 480)
    bin_px = np.array([max(1, bx), max(1, by)])
    assert (camera.width, camera.height) == (width // bin_px[0], height // bin_px[1])
    corners = np.array([(0, 0), (camera.width - 1, 3), (5, camera.height - 1)])
    # a bin's centre is the mean of its pixels' centres
    on_sensor = corners * bin_px + (bin_px - 1) / 2 + (x, y)
    whole = camera_from_info(camera_info(), rectified)
    np.testing.assert_allclose(
        camera.unproject(corners), whole.unproject(on_sensor), rtol=0, atol=1e-9
    )


def test_depth_of_a_raw_image_keeps_its_lens_rotation_and_projection(make: Maker) -> None:
    fields = depth_info(camera_info(make))
    assert (fields.width, fields.height) == (640, 480)
    assert (fields.distortion_model, fields.d) == ("plumb_bob", D)
    assert (fields.k, fields.r, fields.p) == (K, R, P)


def test_depth_of_a_rectified_image_has_neither_distortion_nor_rotation(make: Maker) -> None:
    fields = depth_info(camera_info(make), rectified=True)
    assert fields.distortion_model == "plumb_bob"
    assert fields.d == (0.0,) * 5
    assert fields.k == (480.0, 0.0, 320.5, 0.0, 490.0, 241.5, 0.0, 0.0, 1.0)
    assert fields.r == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    assert fields.p == P


def test_a_missing_projection_is_k_and_a_missing_rotation_the_identity(make: Maker) -> None:
    fields = depth_info(camera_info(make, p=(0.0,) * 12, r=(0.0,) * 9))
    assert fields.p == (500.0, 0.0, 317.0, 0.0, 0.0, 510.0, 239.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    assert fields.r == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@quick
@given(roi=regions, bx=binnings, by=binnings, rectified=st.booleans())
def test_the_published_camera_is_the_one_that_was_used(
    make: Maker, roi: tuple[int, int, int, int], bx: int, by: int, rectified: bool
) -> None:
    info = camera_info(make, roi=roi, binning_x=bx, binning_y=by)
    published = camera_info(make, **asdict(depth_info(info, rectified)))
    for read_as in {rectified, True}:
        assert_same_camera(camera_from_info(published, read_as), camera_from_info(info, read_as))


def assert_same_camera(one: Camera, other: Camera) -> None:
    assert (one.width, one.height, one.lens) == (other.width, other.height, other.lens)
    assert one.coefficients == other.coefficients
    np.testing.assert_allclose(one.matrix, other.matrix, rtol=1e-12)


@quick
@given(roi=regions, bx=binnings, by=binnings)
def test_the_published_projection_puts_points_where_the_sensors_does(
    roi: tuple[int, int, int, int], bx: int, by: int
) -> None:
    fields = depth_info(camera_info(roi=roi, binning_x=bx, binning_y=by))
    point = np.array([0.3, -0.2, 2.0, 1.0])
    u, v, w = np.reshape(fields.p, (3, 4)) @ point
    full_u, full_v, full_w = np.reshape(P, (3, 4)) @ point
    bx, by = max(1, bx), max(1, by)
    assert (u / w + 0.5) * bx - 0.5 + roi[0] == pytest.approx(full_u / full_w)
    assert (v / w + 0.5) * by - 0.5 + roi[1] == pytest.approx(full_v / full_w)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"k": (0.0,) * 9},
            "all-zero k: set image.rectified:=true .*; otherwise calibrate the camera",
        ),
        ({"k": (0.0,) * 9, "p": (0.0,) * 12}, "all-zero k: calibrate the camera"),
        ({"k": (*K[:8], 0.0)}, "expected rows that start fx s cx, 0 fy cy, 0 0 1"),
        ({"k": (*K[:8], -1.0)}, "expected rows that start fx s cx, 0 fy cy, 0 0 1"),
        ({"k": (*K[:8], math.nan)}, "expected rows that start fx s cx, 0 fy cy, 0 0 1"),
        ({"k": (K[0], math.nan, *K[2:])}, "not all finite"),
        ({"width": 0}, "size 0x480.*publishing its camera_info"),
        ({"width": 0, "height": 0}, "size 0x0"),
        ({"k": (*K[:3], 3.0, *K[4:])}, "expected rows that start fx s cx, 0 fy cy"),
        ({"k": tuple(np.reshape(K, (3, 3)).T.ravel())}, "expected rows that start fx s cx"),
        ({"k": (-500.0, *K[1:])}, "focal length"),
        ({"k": (math.nan, *K[1:])}, "focal length"),
        ({"distortion_model": "scaramuzza"}, "'scaramuzza'.*plumb_bob"),
        ({"distortion_model": ""}, "distortion_model is '' with d"),
        ({"d": (*D, 0.1)}, "expected 4, 5, 8, 12, 14 coefficients for 'plumb_bob'"),
        ({"d": D[:3]}, "3 coefficients"),
        ({"distortion_model": "rational_polynomial", "d": (*D, 1, 2, 3, 4)}, "9 coefficients"),
        ({"distortion_model": "rational_polynomial", "d": (*D, 1, 2)}, "7 coefficients"),
        ({"distortion_model": "equidistant"}, "expected 4 coefficients for 'equidistant'"),
        # Orbbec's KB4: its p1 p2 would be read as k3 k4.
        (
            {"distortion_model": "equidistant", "d": (0.1, 0.2, 0.001, 0.002, 0.3, 0.4, 0, 0)},
            "8 coefficients, expected 4 .* k1 k2 p1 p2 k3 k4, .* is another lens",
        ),
        ({"distortion_model": "equidistant", "d": D[:3]}, "3 coefficients, expected 4"),
        ({"roi": (600, 0, 100, 100)}, r"roi 100x100\+600\+0 with binning 1x1"),
        ({"roi": (10, 10, 0, 0)}, r"roi 0x0\+10\+10"),
        ({"roi": (0, 0, 3, 3), "binning_x": 4}, r"roi 3x3\+0\+0 with binning 4x1"),
    ],
)
def test_a_camera_that_cannot_be_used_is_an_error_that_says_why(
    make: Maker, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(CameraError, match=named):
        camera_from_info(camera_info(make, **changes))


@pytest.mark.parametrize(
    "distortion",
    [{}, {"d": (0.0,) * 4, "distortion_model": "equidistant"}, {"d": (), "k": (0.0,) * 9}],
)
def test_a_rectified_image_needs_a_projection_matrix(distortion: dict[str, Any]) -> None:
    with pytest.raises(CameraError, match="all-zero p"):
        camera_from_info(camera_info(p=(0.0,) * 12, **distortion), rectified=True)


def test_k_is_the_projection_of_a_rectified_image_that_needed_no_rectification() -> None:
    info = camera_info(p=(0.0,) * 12, d=(0.0,) * 5)
    assert camera_from_info(info, rectified=True) == Camera(640, 480, 500.0, 510.0, 317.0, 239.0)
    fields = depth_info(info, rectified=True)
    assert fields.k == K
    assert fields.p == (500.0, 0.0, 317.0, 0.0, 0.0, 510.0, 239.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def test_the_skew_of_a_fisheyes_calibration_is_used_and_published(make: Maker) -> None:
    k = (193.4, -1.7, 32.0, 0.0, 194.6, 23.7, 0.0, 0.0, 1.0)
    p = (193.4, -1.7, 32.0, 0.0, 0.0, 194.6, 23.7, 0.0, 0.0, 0.0, 1.0, 0.0)
    info = camera_info(make, distortion_model="equidistant", d=D[:4], k=k, p=p)
    camera = camera_from_info(info)
    assert camera.skew == pytest.approx(-1.7 / 193.4)
    rectified = camera_from_info(info, rectified=True)
    assert rectified.project([0.1, 0.2, 1.0])[0] == pytest.approx(0.1 * 193.4 - 0.2 * 1.7 + 32.0)
    for read_as in (False, True):
        fields = depth_info(info, read_as)
        np.testing.assert_allclose(fields.k, k, rtol=1e-12)
        np.testing.assert_allclose(fields.p, p, rtol=1e-12)


@quick
@given(roi=regions, bx=binnings, by=binnings)
def test_an_image_of_part_of_a_skewed_sensor_sees_what_that_part_sees(
    roi: tuple[int, int, int, int], bx: int, by: int
) -> None:
    k = (500.0, 7.0, *K[2:])
    camera = camera_from_info(camera_info(k=k, roi=roi, binning_x=bx, binning_y=by))
    bin_px = np.array([max(1, bx), max(1, by)])
    corners = np.array([(0, 0), (camera.width - 1, 3), (5, camera.height - 1)])
    on_sensor = corners * bin_px + (bin_px - 1) / 2 + roi[:2]
    whole = camera_from_info(camera_info(k=k))
    np.testing.assert_allclose(
        camera.unproject(corners), whole.unproject(on_sensor), rtol=0, atol=1e-9
    )


def test_a_camera_info_without_a_size_has_that_of_the_image(make: Maker) -> None:
    info = camera_info(make, width=0, height=0)
    camera = camera_from_info(info, size=(640, 480))
    assert camera == camera_from_info(camera_info(make))
    assert depth_info(info, size=(640, 480)) == depth_info(camera_info(make))
    binned = camera_info(make, width=0, height=0, binning_x=2, binning_y=4)
    whole = camera_info(make, binning_x=2, binning_y=4)
    assert camera_from_info(binned, size=(320, 120)) == camera_from_info(whole)
    with pytest.raises(CameraError, match="size 0x0"):
        camera_from_info(camera_info(make, width=0, height=0, roi=(0, 0, 64, 48)), size=(64, 48))
    with pytest.raises(CameraError, match="size 0x480"):
        camera_from_info(camera_info(make, width=0), size=(640, 480))


@pytest.mark.parametrize(
    "changes",
    [
        {"p": (*P[:3], math.nan, *P[4:])},
        {"p": (*P[:7], math.inf, *P[8:])},
        {"p": (0.0,) * 10 + (1.0, 0.0)},
        {"p": (*P[:10], 0.0, 0.0)},
        {"r": (math.nan,) * 9},
        {"r": (*R[:8], math.inf)},
    ],
)
def test_nothing_that_is_no_number_goes_out_with_depth(
    make: Maker, changes: dict[str, Any]
) -> None:
    fields = depth_info(camera_info(make, **changes))
    assert np.isfinite([*fields.k, *fields.r, *fields.p, *fields.d]).all()
    if "r" in changes:
        assert fields.r == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    else:
        assert fields.p == (500.0, 0.0, 317.0, 0.0, 0.0, 510.0, 239.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def test_a_rectified_images_baseline_must_be_a_number() -> None:
    info = camera_info(p=(*P[:3], math.nan, *P[4:]))
    with pytest.raises(CameraError, match="expected finite numbers"):
        depth_info(info, rectified=True)
