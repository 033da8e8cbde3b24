"""Flying pixels: on enlarged depth of rendered rooms with exact truth, and on plain shapes."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from depth_ros.errors import SettingError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.cloud import back_project
from depth_ros.geometry.depth import depth_from_inverse
from depth_ros.geometry.edges import flying, radius_for
from depth_ros.training.render import render
from depth_ros.training.scenes import Floats, Pose, Robot, Scene, random_drive

WIDTH, HEIGHT = 640, 480
DRIVES = 6


class View(NamedTuple):
    scene: Scene
    pose: Pose
    camera: Camera


def truth(view: View, width: int = WIDTH, height: int = HEIGHT) -> Tensor:
    """Depth (height, width) of the view, true at the centre of every pixel."""
    return render([view.scene], [view.pose], [view.camera.scale(width, height)]).depth_m[0]


@pytest.fixture(scope="module")
def views() -> list[View]:
    """The first frames of several drives."""
    drives = [
        random_drive(np.random.default_rng((77, seed)), Robot(), WIDTH, HEIGHT, 1)
        for seed in range(DRIVES)
    ]
    return [View(drive.scene, drive.poses[0], drive.camera) for drive in drives]


def enlarged(view: View, factor: int, mode: str) -> Tensor:
    """The best that a network can say whose output is the image's size divided by factor."""
    low_m = truth(view, WIDTH // factor, HEIGHT // factor)
    return functional.interpolate(low_m[None, None], (HEIGHT, WIDTH), mode=mode)[0, 0]


def solid_distance_m(outside: list[Floats]) -> Floats:
    """Distance to the surface of a solid, from how far outside of each pair of its faces one is."""
    q = np.stack(outside)
    distance_m: Floats = abs(np.linalg.norm(q.clip(min=0), axis=0) + q.max(axis=0).clip(max=0))
    return distance_m


def surface_distance_m(scene: Scene, points: Floats) -> Floats:
    """Distance of points (N, 3) of the world to the nearest surface of the scene."""
    x, y, z = points.T
    length, width, height = scene.room_m
    planes = (length / 2 - abs(x), width / 2 - abs(y), z, height - z)
    nearest: Floats = abs(np.stack(planes)).min(axis=0)
    for cx, cy, yaw, half_length, half_width, height in scene.boxes[scene.boxes[:, 5] > 0]:
        along = np.cos(yaw) * (x - cx) + np.sin(yaw) * (y - cy)
        across = np.cos(yaw) * (y - cy) - np.sin(yaw) * (x - cx)
        outside = [abs(along) - half_length, abs(across) - half_width, z - height]
        nearest = np.minimum(nearest, solid_distance_m(outside))
    for cx, cy, radius, height in scene.cylinders[scene.cylinders[:, 3] > 0]:
        outside = [np.hypot(x - cx, y - cy) - radius, z - height]
        nearest = np.minimum(nearest, solid_distance_m(outside))
    return nearest


def in_the_air(view: View, depth_m: Tensor) -> Tensor:
    """Where a pixel's point is farther than 5 cm and 3 % of its depth from every true surface."""
    cloud = back_project(depth_m, torch.from_numpy(view.camera.rays().copy())).reshape(-1, 3)
    world_from_optical = view.pose.world_from_optical()
    points = cloud.double().numpy() @ world_from_optical[:3, :3].T + world_from_optical[:3, 3]
    allowed_m = (0.03 * depth_m).clamp(min=0.05)
    distance_m = torch.from_numpy(surface_distance_m(view.scene, points))
    return distance_m.reshape(HEIGHT, WIDTH) > allowed_m


def smooth_noise(seed: int) -> Tensor:
    """Slow errors of 2 % (standard deviation), as networks make them."""
    coarse = torch.randn(1, 1, 6, 8, generator=torch.Generator().manual_seed(seed))
    noise = functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic")[0, 0]
    return 1 + 0.02 * noise / noise.std()


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("factor", [2, 4])
def test_points_in_the_air_go_and_points_on_surfaces_stay(
    views: list[View], factor: int, mode: str
) -> None:
    radius_px = radius_for((HEIGHT // factor, WIDTH // factor), (HEIGHT, WIDTH))
    flew, gone, lost = [], [], []
    for seed, view in enumerate(views):
        depth_m = enlarged(view, factor, mode)
        flew.append(in_the_air(view, depth_m))
        noisy = depth_m * smooth_noise(seed)
        masks = torch.stack([flying(depth, radius_px=radius_px) for depth in (depth_m, noisy)])
        gone.append((masks & flew[-1]).sum((1, 2)))
        lost.append((masks & ~flew[-1]).sum((1, 2)))
    bad = torch.stack(flew).sum()
    good = (~torch.stack(flew)).sum()
    assert bad > 500 * factor
    assert (torch.stack(gone).sum(0) >= 0.9 * bad).all()
    assert (torch.stack(lost).sum(0) <= 0.005 * good).all()


def test_true_depth_loses_next_to_nothing(views: list[View]) -> None:
    lost = torch.stack([flying(truth(view)) for view in views])
    assert lost.float().mean() < 0.001


def test_any_unit_of_depth_gives_the_same(views: list[View]) -> None:
    depth_m = enlarged(views[0], 4, "bilinear")
    assert flying(depth_m).any()
    assert torch.equal(flying(depth_m * 1024), flying(depth_m))
    assert (flying(depth_m * 3.2808) != flying(depth_m)).sum() <= 1


def test_a_mirrored_or_turned_image_gives_the_mirrored_or_turned_mask(views: list[View]) -> None:
    depth_m = enlarged(views[0], 2, "bilinear")
    mask = flying(depth_m)
    assert mask.any()
    assert torch.equal(flying(depth_m.flip(0)), mask.flip(0))
    assert torch.equal(flying(depth_m.flip(1)), mask.flip(1))
    assert torch.equal(flying(depth_m.T), mask.T)


SLOPES = st.floats(-0.02, 0.02)


@given(SLOPES, SLOPES, st.floats(-0.5, 2), st.integers(1, 6))
def test_a_plane_loses_nothing_at_any_tilt_up_to_its_horizon(
    right: float, down: float, inverse: float, radius_px: int
) -> None:
    v, u = torch.meshgrid(torch.arange(60.0), torch.arange(80.0), indexing="ij")
    depth_m = depth_from_inverse(inverse + right * u + down * v)
    assert not flying(depth_m, 0.025, radius_px).any()


@given(st.floats(1e-3, 1e5), st.integers(1, 40), st.integers(1, 40))
def test_one_depth_everywhere_loses_nothing_in_an_image_of_any_size(
    depth_m: float, height: int, width: int
) -> None:
    mask = flying(torch.full((height, width), depth_m))
    assert mask.shape == (height, width)
    assert not mask.any()


def step(between_m: list[float], near_m: float = 1.0, far_m: float = 4.0) -> Tensor:
    """Rows (20, W) of a near surface, some pixels at an edge, and a far surface."""
    row = [near_m] * 20 + between_m + [far_m] * 20
    return torch.tensor(row).expand(20, -1)


def test_what_lies_between_two_surfaces_flies_and_the_surfaces_do_not() -> None:
    mask = flying(step([1.75, 3.25]), 0.025, 2)
    assert mask.nonzero()[:, 1].unique().tolist() == [20, 21]


def test_a_sharp_step_and_a_step_below_the_threshold_lose_nothing() -> None:
    assert not flying(step([]), 0.025, 2).any()
    assert not flying(step([1.005, 1.015], far_m=1.02), 0.025, 2).any()


def test_overshoot_beyond_a_step_flies_too() -> None:
    mask = flying(step([0.8, 4.3]), 0.025, 2)
    assert mask.nonzero()[:, 1].unique().tolist() == [20, 21]


@pytest.mark.parametrize("width_px", [1, 2, 3, 5, 8])
def test_a_thin_pole_before_a_slanted_wall_stays(width_px: int) -> None:
    depth_m = (0.2 + 0.002 * torch.arange(70)).reciprocal().repeat(50, 1)
    depth_m[:, 30 : 30 + width_px] = 1.5
    assert not flying(depth_m).any()


def test_a_corner_of_the_room_stays() -> None:
    inverse = 0.2 + 0.004 * (torch.arange(70) - 33).abs()
    assert not flying(inverse.reciprocal().repeat(50, 1)).any()


def test_infinity_is_a_surface_but_never_flies() -> None:
    depth_m = step([2.0, 3.0], far_m=torch.inf)
    assert flying(depth_m, 0.025, 2).nonzero()[:, 1].unique().tolist() == [20, 21]
    ceiling = torch.tensor([torch.inf] * 15 + [9.0] + [torch.inf, 5.0, 2.0] + [3.0] * 15)
    assert not (flying(ceiling.repeat(20, 1)) & torch.isinf(ceiling)).any()


def test_pixels_without_estimate_never_fly_and_say_nothing_of_their_neighbours() -> None:
    assert not flying(torch.full((30, 40), torch.nan)).any()
    depth_m = step([1.75, 3.25]).clone()
    whole = flying(depth_m, 0.025, 2)
    depth_m[:, 5] = torch.nan
    depth_m[4, 20] = torch.nan
    mask = flying(depth_m, 0.025, 2)
    assert not mask[4, 20]
    assert torch.equal(mask | torch.isnan(depth_m), whole | torch.isnan(depth_m))


def test_the_radius_is_one_and_a_half_of_the_network_s_pixels() -> None:
    assert radius_for((240, 320), (480, 640)) == 3
    assert radius_for((96, 128), (480, 640)) == 8
    assert radius_for((392, 518), (480, 640)) == 2
    assert radius_for((384, 384), (720, 1280)) == 5
    assert radius_for((1536, 1536), (480, 640)) == 1


def test_a_threshold_or_radius_that_is_not_positive_is_refused() -> None:
    with pytest.raises(SettingError, match=r"threshold is 0\.0"):
        flying(torch.ones(20, 30), 0.0)
    with pytest.raises(SettingError, match="radius_px is 0"):
        flying(torch.ones(20, 30), 0.025, 0)
