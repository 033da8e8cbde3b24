"""Depth images to points: against a plain loop, and back onto their own pixels."""

import numpy as np
import pytest
import torch

from depth_ros.geometry.camera import Camera
from depth_ros.geometry.cloud import (
    CloudPacker,
    back_project,
    bits_of,
    compacted,
    packed_colours,
)

CAMERAS = [
    Camera(12, 9, 10.0, 11.0, 5.2, 4.1),
    Camera(12, 9, 10.0, 11.0, 5.2, 4.1, "plumb_bob", (-0.2, 0.05, 0.001, -0.002, 0.0)),
    Camera(12, 9, 6.0, 6.0, 5.5, 4.0, "equidistant", (0.01, -0.002, 0.0, 0.0)),
]


def scene(camera: Camera) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(1)
    shape = (camera.height, camera.width)
    depth_m = torch.from_numpy(rng.uniform(0.5, 8, shape).astype(np.float32))
    depth_m[0, :3] = torch.tensor([torch.nan, torch.inf, torch.nan])
    rgb = torch.from_numpy(rng.integers(0, 256, (*shape, 3)).astype(np.uint8))
    return depth_m, rgb


def rays(camera: Camera) -> torch.Tensor:
    return torch.from_numpy(camera.rays().copy())


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.lens)
def test_points_project_onto_their_own_pixels_at_their_own_depth(camera: Camera) -> None:
    depth_m, _ = scene(camera)
    points = back_project(depth_m, rays(camera)).numpy()
    v, u = np.nonzero(np.isfinite(depth_m.numpy()))
    pixels = camera.project(points[v, u])
    assert np.abs(pixels - np.stack([u, v], axis=-1)).max() < 1e-3
    assert np.array_equal(points[v, u, 2], depth_m.numpy()[v, u])


def test_points_equal_a_plain_loop_with_the_pinhole_equation() -> None:
    camera = CAMERAS[0]
    depth_m, _ = scene(camera)
    points = back_project(depth_m, rays(camera))
    for v in range(camera.height):
        for u in range(camera.width):
            z = float(depth_m[v, u])
            if np.isfinite(z):
                expected = [(u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z, z]
                assert points[v, u].tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("invalid", [torch.nan, torch.inf])
def test_a_pixel_without_depth_is_no_point_in_any_coordinate(invalid: float) -> None:
    camera = Camera(3, 2, 10.0, 10.0, 1.0, 0.0)  # the principal point's ray is zero
    points = back_project(torch.full((2, 3), invalid), rays(camera))
    assert torch.isnan(points).all()


def test_a_pixel_without_a_ray_is_no_point_in_any_coordinate() -> None:
    fisheye = Camera(40, 30, 8.0, 8.0, 19.5, 14.5, "equidistant", (0.0, 0.0, 0.0, 0.0))
    table = rays(fisheye)
    assert torch.isnan(table[0, 0]).all()
    points = back_project(torch.ones(30, 40), table)
    assert torch.isnan(points[0, 0]).all()
    assert torch.isfinite(points[15, 20]).all()


@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("colour", [True, False])
def test_a_payload_holds_every_stride_th_point_with_its_colour(stride: int, colour: bool) -> None:
    camera = CAMERAS[0]
    depth_m, rgb = scene(camera)
    packer = CloudPacker(rays(camera), colour, stride)
    payload = packer.pack(depth_m, rgb, organised=True).numpy()
    floats = payload.view(np.float32)
    expected = back_project(depth_m, rays(camera))[::stride, ::stride].numpy()
    assert payload.shape[2] == (16 if colour else 12)
    assert np.array_equal(floats[..., :3], expected, equal_nan=True)
    if colour:
        packed = floats[..., 3].copy().view(np.uint32)
        unpacked = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1)
        assert np.array_equal(unpacked, rgb[::stride, ::stride].numpy())


def test_a_dense_payload_is_the_organised_one_without_the_missing_points() -> None:
    camera = CAMERAS[0]
    depth_m, rgb = scene(camera)
    packer = CloudPacker(rays(camera), colour=True)
    organised = packer.pack(depth_m, rgb, organised=True).clone()
    dense = packer.pack(depth_m, rgb, organised=False)
    assert torch.equal(dense, organised[torch.isfinite(depth_m)])


def test_calls_reuse_one_buffer() -> None:
    camera = CAMERAS[0]
    depth_m, rgb = scene(camera)
    packer = CloudPacker(rays(camera), colour=True)
    first = packer.pack(depth_m, rgb, organised=True)
    second = packer.pack(depth_m * 2, rgb, organised=True)
    assert first.data_ptr() == second.data_ptr()


@pytest.mark.parametrize("organised", [True, False])
@pytest.mark.parametrize("stride", [1, 2])
def test_pixels_that_are_left_out_are_as_those_without_depth(stride: int, organised: bool) -> None:
    camera = CAMERAS[0]
    depth_m, rgb = scene(camera)
    without = torch.rand(depth_m.shape, generator=torch.Generator().manual_seed(0)) < 0.3
    hidden = depth_m.masked_fill(without, torch.nan)
    packer = CloudPacker(rays(camera), True, stride)
    expected = packer.pack(hidden, rgb, organised).clone()
    found = packer.pack(depth_m, rgb, organised, without=without)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("organised", [True, False])
@pytest.mark.parametrize("holes", [True, False])
def test_a_payload_lies_in_the_memory_that_is_given_for_it(organised: bool, holes: bool) -> None:
    camera = CAMERAS[0]
    depth_m, rgb = scene(camera)
    if not holes:
        depth_m = depth_m.nan_to_num(2.0, posinf=3.0)
    packer, given = CloudPacker(rays(camera), True), list[torch.Tensor]()

    def allocate(count: int) -> torch.Tensor:
        given.append(torch.empty(count))
        return given[-1]

    payload = packer.pack(depth_m, rgb, organised, allocate)
    assert [memory.data_ptr() for memory in given] == [payload.data_ptr()]
    assert given[0].nbytes == payload.nbytes
    assert torch.equal(payload, packer.pack(depth_m, rgb, organised))


def test_colours_are_packed_alike_on_every_device() -> None:
    _, rgb = scene(CAMERAS[0])
    bits = bits_of(rgb)
    assert torch.equal(packed_colours(rgb).view(torch.int32), bits)
    assert torch.equal(packed_colours(rgb[::2, 1::3]).view(torch.int32), bits[::2, 1::3])
    red, green, blue = rgb[3, 4].tolist()
    assert bits[3, 4].item() == red << 16 | green << 8 | blue


@pytest.mark.parametrize("colour", [True, False])
def test_a_dense_payload_may_be_empty(colour: bool) -> None:
    depth_m, rgb = scene(CAMERAS[0])
    packer = CloudPacker(rays(CAMERAS[0]), colour)
    nothing = torch.full_like(depth_m, torch.nan)
    payload = packer.pack(nothing, rgb, organised=False, allocate=torch.empty)
    assert payload.shape == (0, 16 if colour else 12)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_compacted_points_are_those_that_are_points_in_their_order(share: float) -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(9, 12, 4, generator=generator)
    points[torch.rand(9, 12, generator=generator) >= share] = torch.nan
    points[0, 0, 2] = torch.inf  # is no point either
    packed, count = compacted(points)
    flat = points.flatten(0, 1)
    assert packed.shape == flat.shape
    assert torch.equal(packed[: int(count)], flat[flat[:, 2].isfinite()])
