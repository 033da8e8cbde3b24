"""Random views: image, depth, rays and focal length stay those of one camera."""

import math

import pytest
import torch

from depth_ros.geometry.camera import Camera
from depth_ros.training.frames import Batch
from depth_ros.training.store import FrameStore, stores_of
from depth_ros.training.views import Views, random_views, whole_views
from test.training.planes import CAMERA, PINHOLE, off_plane, plane, same

HEIGHT, WIDTH = 48, 64


def store(camera: Camera = PINHOLE, count: int = 24) -> FrameStore:
    (frames,) = stores_of([plane(camera, seed) for seed in range(count)], width=WIDTH)
    return frames


def some(views: Views | None = None, camera: Camera = PINHOLE, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return random_views(store(camera), HEIGHT, WIDTH, views or Views(), generator)


@pytest.mark.parametrize("camera", [PINHOLE, CAMERA], ids=["pinhole", "distorted"])
def test_points_of_a_view_lie_where_the_frame_says(camera: Camera) -> None:
    batch = some(Views(roll_deg=0.0), camera)
    seen, mirrored = (off_plane(batch, which).amax((1, 2)) for which in (False, True))
    assert torch.minimum(seen, mirrored).max() < 0.015
    assert 4 <= int((mirrored < seen).sum()) <= 20, "half are mirrored"


def test_a_rolled_view_turns_its_rays_with_its_image() -> None:
    batch = some(Views(roll_deg=15.0))
    points = torch.cat([batch.rays, torch.ones_like(batch.rays[..., :1])], -1)
    points = (points * batch.depth_m[..., None]).flatten(1, 2)
    kept = batch.depth_m.flatten(1) > 0
    for cloud, known in zip(points, kept, strict=True):
        normal = torch.linalg.lstsq(cloud[known], torch.ones(int(known.sum()), 1)).solution[:, 0]
        assert (cloud[known] @ normal - 1).abs().max() < 0.02, "a plane is a plane"
        tilt = math.hypot(0.2, 0.3) / 2.0
        assert float(normal[:2].norm()) == pytest.approx(tilt, rel=0.03), "turned, not bent"


def test_the_focal_length_is_that_of_the_rays() -> None:
    batch = some(Views(roll_deg=0.0))
    across = batch.rays[:, HEIGHT // 2, :, 0].diff(dim=1).abs().median(dim=1).values
    down = batch.rays[:, :, WIDTH // 2, 1].diff(dim=1).abs().median(dim=1).values
    assert (batch.f_px * (across * down).sqrt() - 1).abs().max() < 0.01


def test_focal_lengths_spread_over_the_given_range() -> None:
    smallest = 150.0 * WIDTH / 200
    f_px = some(Views(zoom=1.8, whole=0.0, squeeze=0.0)).f_px
    assert smallest * 0.99 <= float(f_px.min()) < float(f_px.max()) <= smallest * 1.8 * 1.01
    assert float(f_px.max() / f_px.min()) > 1.4


def test_a_whole_view_is_the_frame_shrunk() -> None:
    frames = store(count=2)
    batch = whole_views(frames, HEIGHT, WIDTH)
    shrunk = torch.nn.functional.interpolate(
        frames.rgb.float(), (HEIGHT, WIDTH), mode="bilinear", antialias=True
    ).permute(0, 2, 3, 1)
    assert (batch.rgb - shrunk).abs().mean() < 16, "of random colours"
    camera = PINHOLE.scale(WIDTH, HEIGHT)
    assert torch.allclose(batch.rays[0], torch.from_numpy(camera.rays()), atol=2e-3)
    assert float(batch.f_px[0]) == pytest.approx(camera.f_px, rel=1e-4)


def test_outside_of_the_frame_there_is_no_depth() -> None:
    batch = some(Views(zoom=1.0001, whole=0.0, roll_deg=20.0))
    assert 0.01 < float((batch.depth_m == 0).float().mean()) < 0.3


def test_the_same_numbers_give_the_same_views() -> None:
    assert same(some(seed=3), some(seed=3))
    assert not same(some(seed=3), some(seed=4))
