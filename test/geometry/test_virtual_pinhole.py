"""Virtual pinholes: against OpenCV's undistortion, and properties of depth that comes back."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from depth_ros.geometry.camera import Camera
from depth_ros.geometry.sampler import DeviceSampler, HostSampler
from depth_ros.geometry.virtual_pinhole import MAX_FOV_DEG, VirtualView, virtual_pinhole

BARREL = Camera(
    160, 120, 102.0, 104.0, 80.5, 58.0, "plumb_bob", (-0.3, 0.08, 0.002, -0.001, 0.0), skew=0.01
)
PINCUSHION = Camera(160, 120, 130.0, 130.0, 79.5, 59.5, "plumb_bob", (0.2, 0.05, 0.0, 0.0))
FISHEYE = Camera(160, 120, 66.0, 65.0, 78.0, 61.0, "equidistant", (-0.02, 0.006, -0.003, 0.0005))
HALF_SPHERE = Camera(160, 120, 51.0, 51.0, 79.5, 59.5, "equidistant", (0.0,) * 4)
CIRCLE = replace(HALF_SPHERE, fx=30.0, fy=30.0)
"""Its image of everything in front of it is a circle within black."""

LENSES = [BARREL, PINCUSHION, FISHEYE, HALF_SPHERE, CIRCLE]
lenses = pytest.mark.parametrize(
    "camera", LENSES, ids=["barrel", "pincushion", "fish", "half", "o"]
)


def view_of(camera: Camera) -> VirtualView:
    pinhole = virtual_pinhole(camera)
    assert pinhole is not None
    return VirtualView(camera, pinhole, lambda host: host)


def smooth_picture(camera: Camera) -> npt.NDArray[np.uint8]:
    v, u = np.mgrid[: camera.height, : camera.width]
    waves = [128 + 100 * np.sin(u / a + v / b) for a, b in ((9, 14), (-12, 11), (17, 23))]
    return np.stack(waves, axis=-1).astype(np.uint8)


@lenses
def test_a_pinhole_keeps_the_focal_length_the_aspect_ratio_and_a_view_of_120_degrees(
    camera: Camera,
) -> None:
    pinhole = virtual_pinhole(camera)
    assert pinhole is not None
    assert (pinhole.lens, pinhole.coefficients, pinhole.skew) == ("none", (), 0)
    assert (pinhole.fx, pinhole.fy) == pytest.approx((camera.fx, camera.fy), rel=0.01)
    size = (pinhole.width * camera.height, pinhole.height * camera.width)
    assert size[0] == pytest.approx(size[1], rel=0.01)
    assert max(pinhole.fov_deg) < MAX_FOV_DEG + 1


def test_a_view_ends_with_the_lens_or_at_120_degrees() -> None:
    barrel, fish = virtual_pinhole(BARREL), virtual_pinhole(FISHEYE)
    assert barrel is not None and fish is not None
    assert barrel.fov_deg[0] == pytest.approx(BARREL.fov_deg[0], abs=1.0)
    assert FISHEYE.fov_deg[0] > MAX_FOV_DEG
    assert fish.fov_deg[0] == pytest.approx(MAX_FOV_DEG, abs=2.0)


@pytest.mark.parametrize(
    "camera",
    [
        Camera.from_fov(160, 120, 100.0),
        replace(BARREL, coefficients=(0.0,) * 5, skew=0.0),
        replace(BARREL, lens="rational_polynomial", coefficients=(0.0,) * 8, skew=0.0),
    ],
)
def test_a_pinhole_needs_no_other(camera: Camera) -> None:
    assert virtual_pinhole(camera) is None


def test_a_calibration_without_sense_gets_an_image_of_bounded_size() -> None:
    wrong = replace(BARREL, fx=4000.0, fy=4000.0, coefficients=(-4000.0, 0.0, 0.0, 0.0))
    pinhole = virtual_pinhole(wrong)
    assert pinhole is not None
    assert pinhole.width <= 2.5 * wrong.width + 1


@pytest.mark.parametrize("camera", [BARREL, FISHEYE], ids=["barrel", "fisheye"])
def test_images_are_those_of_opencvs_undistortion(camera: Camera) -> None:
    view = view_of(camera)
    pinhole, rgb = view.pinhole, smooth_picture(camera)
    size = (pinhole.width, pinhole.height)
    if camera.lens == "equidistant":
        maps = cv2.fisheye.initUndistortRectifyMap(
            camera.matrix,
            np.array(camera.coefficients),
            np.eye(3),
            pinhole.matrix,
            size,
            cv2.CV_32F,
        )
    else:
        # OpenCV's model has no skew: points are distorted here, and sheared by K.
        rays = pinhole.rays().reshape(-1, 2).astype(np.float64)
        points = np.column_stack([rays, np.ones(len(rays))])
        flat, _ = cv2.projectPoints(
            points, np.zeros(3), np.zeros(3), np.eye(3), np.array(camera.coefficients)
        )
        distorted = np.column_stack([flat[:, 0], np.ones(len(flat))]) @ camera.matrix.T
        maps = tuple(distorted[:, :2].T.reshape(2, *size[::-1]).astype(np.float32))
    expected = cv2.remap(rgb, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    found = view.image(torch.from_numpy(rgb)[None])[0].numpy()
    inside = (maps[0] >= 0) & (maps[0] <= 159) & (maps[1] >= 0) & (maps[1] <= 119)
    assert inside.mean() > 0.8
    difference = np.abs(found.astype(int) - expected)[inside]
    assert difference.max() <= 2


@lenses
def test_a_plane_is_the_same_plane_on_the_pixels_of_the_lens(camera: Camera) -> None:
    view = view_of(camera)
    normal, offset_m = np.array([0.1, -0.2, 1.0]), 3.0

    def plane_m(of: Camera) -> Tensor:
        ahead = np.dstack([of.rays(), np.ones((of.height, of.width))])
        return torch.from_numpy(offset_m / (ahead @ normal)).float()

    found, expected = view.values(plane_m(view.pinhole)[None])[0], plane_m(camera)
    seen = found.isfinite()
    assert seen.sum() > 0.3 * expected.isfinite().sum()
    assert (found / expected - 1)[seen].abs().max() < 0.02
    assert (found / expected - 1)[seen].abs().median() < 0.001
    facing = view.values(torch.full((1, view.pinhole.height, view.pinhole.width), 2.5))[0]
    assert (facing[seen] == 2.5).all()
    assert torch.equal(facing.isfinite(), seen)


@lenses
def test_depth_is_known_exactly_where_the_pinhole_sees(camera: Camera) -> None:
    view = view_of(camera)
    found = (
        view.values(torch.ones(1, view.pinhole.height, view.pinhole.width))[0].isfinite().numpy()
    )
    v, u = np.mgrid[: camera.height, : camera.width]
    pixels = np.stack([u, v], axis=-1)
    rays = camera.rays()
    tangents = np.array(view.pinhole.fov_deg) / 2
    inside = (np.abs(np.degrees(np.arctan(rays))) < tangents + 1.5).all(axis=-1)
    assert not found[~inside].any()
    assert not found[np.isnan(rays).any(-1)].any()
    assert np.array_equal(np.isfinite(view.pixels(pixels.astype(float))).all(-1), found)


@lenses
def test_there_and_back_is_the_same_place(camera: Camera) -> None:
    view = view_of(camera)
    # Columns and rows of the lens's image, read through the pinhole, and brought back.
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.uint8)
    there = view.image(torch.from_numpy(np.stack([u, v, v], axis=-1))[None]).float()
    for channel, expected in ((0, u), (1, v)):
        back = view.values(there[..., channel])[0].numpy()
        inner = np.isfinite(back)
        inner[:2] = inner[-2:] = inner[:, :2] = inner[:, -2:] = False  # beyond the edge
        assert np.abs(back - expected)[inner].max() < 1.6


def test_what_is_not_finite_stays_so_and_does_not_spread() -> None:
    view = view_of(FISHEYE)
    values = torch.full((1, view.pinhole.height, view.pinhole.width), 4.0)
    values[:, : view.pinhole.height // 2] = torch.inf
    values[:, :, : view.pinhole.width // 4] = torch.nan
    found = view.values(values)[0]
    everywhere = view.values(torch.ones_like(values))[0].isfinite()
    assert set(found[everywhere].nan_to_num(-1.0, posinf=9.0).unique().tolist()) == {-1.0, 4.0, 9.0}
    share = float((found[everywhere] == torch.inf).float().mean())
    assert 0.2 < share < 0.5


@pytest.mark.parametrize("channels", [0, 3])
def test_host_and_device_read_the_same(channels: int) -> None:
    rng = np.random.default_rng(0)
    size = (40, 30)
    pixels = rng.uniform(-5, 45, (20, 25, 2))
    host, device = HostSampler(pixels), DeviceSampler(pixels, size, lambda values: values)
    shape = (2, size[1], size[0], *([channels] if channels else []))
    smooth = torch.from_numpy(rng.uniform(0, 200, shape)).float()
    for images in (smooth, smooth.to(torch.uint8)):
        one, other = host.smooth(images), device.smooth(images)
        assert one.dtype == other.dtype == images.dtype
        assert one.shape == other.shape
        # OpenCV rounds places to 1/32 of a pixel: up to 1/64 of the step to a neighbour in x and y.
        assert (one.float() - other.float()).abs().max() <= 2 * 200 / 64 + 1
        near = host.nearest(images) == device.nearest(images)
        assert near.float().mean() > 0.97  # places half way between two pixels are rounded


def test_the_angle_between_pinhole_and_pixel_is_kept() -> None:
    view = view_of(HALF_SPHERE)
    (u, v), *_ = view.pixels(np.array([[79.5 + 51.0 * math.radians(45.0), 59.5]]))
    assert (u - view.pinhole.cx) / view.pinhole.fx == pytest.approx(1.0)
    assert v == pytest.approx(view.pinhole.cy)
