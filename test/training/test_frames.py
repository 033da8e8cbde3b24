"""Batches of rendered frames: repeatable, mirrored right, of several shapes, sparse on request."""

import pytest
import torch

from depth_ros.training import frames
from depth_ros.training.frames import Batch, FramePool, Shapes
from depth_ros.training.scenes import Robot

WIDTH, HEIGHT = 64, 32


@pytest.fixture(autouse=True)
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_POOL_FRAMES", 16)


def pool(width: int = WIDTH, height: int = HEIGHT, labels: float = 1.0) -> FramePool:
    return FramePool(0, Robot(off_centre=0.1), width, height, fresh=2, batch=4, labels=labels)


def same(one: Batch, other: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_pool_at_a_step_does_not_depend_on_where_the_run_started() -> None:
    through, resumed = pool(), pool()
    through.start(0)
    for step in range(5):
        drawn = through.draw(step)
    resumed.start(4)
    assert same(drawn, resumed.draw(4))


@pytest.mark.parametrize("start", range(5))
def test_nor_do_shapes(start: int) -> None:
    def shapes() -> Shapes:
        return Shapes([pool(), pool(32, 48), pool(48, 48)])

    through, resumed = shapes(), shapes()
    through.start(0)
    drawn = [through.draw(step) for step in range(8)]
    resumed.start(start)
    for step in range(start, 8):
        assert same(drawn[step], resumed.draw(step))
    sizes = [tuple(batch.depth_m.shape[1:]) for batch in drawn[:3]]
    assert sizes == [(HEIGHT, WIDTH), (48, 32), (48, 48)]


def test_a_mirrored_frame_shows_the_same_points_mirrored() -> None:
    some = pool()
    some.start(0)
    batch = some.draw(0)
    mirrored = batch.mirrored(torch.tensor([True, False, True, False]))
    points = (batch.rays * batch.depth_m[..., None]).flip(2)
    others = mirrored.rays * mirrored.depth_m[..., None]
    assert torch.allclose(others[0, ..., 0], -points[0, ..., 0])
    assert torch.allclose(others[0, ..., 1], points[0, ..., 1])
    assert torch.equal(mirrored.rgb[2], batch.rgb[2].flip(1))
    assert all(torch.equal(a[1], b[1]) for a, b in zip(batch, mirrored, strict=True))
    assert same(mirrored.mirrored(torch.tensor([True, False, True, False])), batch)


def test_rays_belong_to_the_camera_that_saw_the_frame() -> None:
    some = pool()
    some.start(0)
    batch = some.draw(0)
    step = batch.rays[:, 0].diff(dim=1)[..., 0].abs()
    assert torch.allclose(step, (1 / batch.f_px)[:, None].expand_as(step), rtol=1e-3)


def test_of_sparse_labels_a_frame_keeps_the_same_pixels_while_it_is_in_the_pool() -> None:
    sparse = pool(labels=0.1)
    sparse.start(0)
    first, second = sparse._pool.depth_m.clone(), sparse
    share = float(first.isfinite().float().mean())
    assert share == pytest.approx(0.1, abs=0.02)
    second.draw(0)
    kept = torch.arange(16) >= 2  # two frames are new
    assert torch.equal(first[kept].isfinite(), second._pool.depth_m[kept].isfinite())
