"""Batches out of recorded frames: sizes, rays, depth that was measured, and repeatable."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from depth_ros.errors import DepthError
from depth_ros.geometry.camera import Camera
from depth_ros.models.grin.config import preprocessing_of
from depth_ros.training.frames import Batch, Rgbd
from depth_ros.training.recorded import RecordedFrames
from test.models.grin import small

SIZES = preprocessing_of(small.CONFIG)
CAMERA = Camera(200, 120, 150.0, 160.0, 103.0, 55.0, "plumb_bob", (-0.2, 0.05, 0.001, 0.0, 0.0))
UPRIGHT = Camera(120, 200, 150.0, 150.0, 60.0, 95.0)
NORMAL, DISTANCE_M = np.array([0.2, 0.3, 1.0]), 2.0


def plane(camera: Camera, seed: int = 0) -> Rgbd:
    """A recorded plane: every point has the same distance along its normal."""
    rays = np.dstack([camera.rays(), np.ones((camera.height, camera.width))])
    depth_m = (DISTANCE_M / (rays @ NORMAL)).astype(np.float32)
    rgb = np.random.default_rng(seed).integers(0, 256, (*depth_m.shape, 3)).astype(np.uint8)
    return Rgbd(rgb, depth_m, camera)


def frames(*recorded: Rgbd, labels: float = 1.0, seed: int = 0) -> RecordedFrames:
    return RecordedFrames(recorded or [plane(CAMERA)], SIZES, 4, seed, labels)


def same(one: Batch, other: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_batches_are_of_one_size_that_fits_the_network() -> None:
    some = frames(plane(CAMERA), plane(UPRIGHT), plane(CAMERA, 1))
    sizes = set()
    for step in range(12):
        batch = some.draw(step)
        height, width = batch.depth_m.shape[1:]
        assert (batch.rgb.dtype, batch.rgb.shape) == (torch.uint8, (4, height, width, 3))
        assert batch.rays.shape == (4, height, width, 2)
        assert batch.f_px.shape == (4,)
        sizes.add((height, width))
    expected = {SIZES.network_size(120, 200), SIZES.network_size(200, 120)}
    assert sizes == expected
    assert len(expected) == 2


def off_plane(batch: Batch, mirrored: bool) -> torch.Tensor:
    """How far the frames' points (B, H, W) are off the plane, or off its mirror image."""
    points = torch.cat([batch.rays, torch.ones_like(batch.rays[..., :1])], -1)
    points = points * batch.depth_m[..., None]
    normal = torch.from_numpy(NORMAL * ([-1, 1, 1] if mirrored else [1, 1, 1])).float()
    return (points @ normal / DISTANCE_M - 1).abs()


def test_rays_still_belong_to_their_pixels_after_cutting_and_shrinking() -> None:
    some, corners = frames(), set()
    for step in range(12):
        batch = some.draw(step)
        seen, mirrored = (off_plane(batch, which).amax((1, 2)) for which in (False, True))
        assert torch.minimum(seen, mirrored).max() < 0.01
        assert torch.maximum(seen, mirrored).min() > 0.1
        corners.add(round(float(batch.rays[0, 0].abs().max()), 3))
    assert len(corners) > 3, "nothing was cut"


def test_the_focal_length_is_that_of_the_rays() -> None:
    pinhole = replace(CAMERA, lens="none", coefficients=(), fy=150.0)
    seen = set()
    for step in range(12):
        batch = frames(plane(pinhole)).draw(step)
        across = batch.rays[0, 0].diff(dim=0)[:, 0].abs().median()
        down = batch.rays[0, :, 0].diff(dim=0)[:, 1].abs().median()
        assert float(batch.f_px[0] * (across * down).sqrt()) == pytest.approx(1.0, abs=0.07)
        seen.add(round(float(batch.f_px[0]), 1))
    assert len(seen) == 2


def test_depth_is_never_between_what_was_measured() -> None:
    recorded = plane(CAMERA)
    depth_m = recorded.depth_m.copy()
    depth_m[:, :70] = np.nan
    depth_m[::3] = np.inf
    some = frames(recorded._replace(depth_m=depth_m))
    measured = torch.from_numpy(depth_m[np.isfinite(depth_m)])
    for step in range(6):
        found = some.draw(step).depth_m
        assert torch.isin(found[found.isfinite()], measured).all()
        assert 0 < found.isfinite().float().mean() < 1


def test_of_sparse_labels_the_share_is_kept_and_always_the_same() -> None:
    some = frames(labels=0.3)
    kept: set[float] = set()
    for step in range(12):
        depth_m = some.draw(step).depth_m
        assert float(depth_m.isfinite().float().mean()) == pytest.approx(0.3, abs=0.06)
        kept |= set(depth_m[depth_m.isfinite()].tolist())
    assert len(kept) <= 0.35 * 1.25**2 * 32 * 64


def test_a_step_has_the_same_batch_whenever_it_is_drawn() -> None:
    recorded = [plane(CAMERA), plane(UPRIGHT), plane(CAMERA, 1)]
    one, other = frames(*recorded), frames(*recorded)
    drawn = [one.draw(step) for step in range(5)]
    other.start(3)
    assert same(other.draw(3), drawn[3])
    assert not same(frames(*recorded, seed=1).draw(3), drawn[3])
    assert not any(same(a, b) for a, b in pairwise(drawn))


def test_half_of_the_frames_are_mirrored_and_colours_vary() -> None:
    some = frames()
    mirrored, greys = 0, set()
    for step in range(30):
        batch = some.draw(step)
        mirrored += int((off_plane(batch, mirrored=True).mean((1, 2)) < 0.01).sum())
        greys |= {round(float(rgb.float().mean())) for rgb in batch.rgb}
    assert 40 <= mirrored <= 80
    assert len(greys) > 20


def test_no_frame_is_an_error() -> None:
    with pytest.raises(DepthError, match="no frame with depth"):
        RecordedFrames([], SIZES, 4, 0)


def test_frames_without_any_depth_are_left_out() -> None:
    full = plane(CAMERA)
    empty = full._replace(depth_m=np.full_like(full.depth_m, np.nan))
    some = frames(empty, full, empty)
    assert all(some.draw(step).depth_m.isfinite().flatten(1).any(1).all() for step in range(6))
    with pytest.raises(DepthError, match="no frame with depth"):
        frames(empty)
