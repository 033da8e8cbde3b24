"""Batches out of several sources: shares, shapes, and the same for the same step."""

import numpy as np
import pytest
import torch

from depth_ros.training import mixture as module
from depth_ros.training.frames import Rgbd
from depth_ros.training.mixture import Mixture, Source
from depth_ros.training.store import stores_of
from test.training.planes import CAMERA, PINHOLE, UPRIGHT, plane, same

SHAPES = [(48, 64), (64, 48), (56, 56)]


def constant(depth_m: float, count: int) -> list[Rgbd]:
    shape = (PINHOLE.height, PINHOLE.width)
    frame = Rgbd(np.zeros((*shape, 3), np.uint8), np.full(shape, depth_m, np.float32), PINHOLE)
    return [frame] * count


def mixture(*sources: tuple[list[Rgbd], float], batch: int = 8, seed: int = 0) -> Mixture:
    made = [Source(stores_of(frames, 64), weight) for frames, weight in sources]
    return Mixture(made, SHAPES, batch, seed)


def test_sources_are_drawn_by_their_weights_not_by_their_sizes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "disturb", lambda batch, generator: batch)
    frames = mixture((constant(1.0, 30), 1.0), (constant(2.0, 2), 3.0))
    depths = torch.cat([frames.draw(step).depth_m.amax((1, 2)) for step in range(40)])
    assert float((depths == 2.0).float().mean()) == pytest.approx(0.75, abs=0.08)


def test_a_batch_has_one_shape_and_shapes_alternate() -> None:
    frames = mixture(([plane(PINHOLE), plane(UPRIGHT), plane(CAMERA)], 1.0))
    seen = set()
    for step in range(20):
        batch = frames.draw(step)
        height, width = batch.depth_m.shape[1:]
        assert batch.rgb.shape == (8, height, width, 3)
        assert batch.rays.shape == (8, height, width, 2)
        assert batch.f_px.shape == (8,)
        seen.add((height, width))
    assert seen == set(SHAPES)


def test_a_step_has_the_same_batch_whenever_it_is_drawn() -> None:
    def make(seed: int = 0) -> Mixture:
        return mixture(([plane(PINHOLE, n) for n in range(3)], 1.0), seed=seed)

    drawn = [make().draw(step) for step in range(3)]
    late = make()
    late.start(2)
    assert same(late.draw(2), drawn[2])
    assert not same(drawn[0], drawn[1])
    assert not same(make(seed=1).draw(2), drawn[2])
