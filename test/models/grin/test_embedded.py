"""grin-tiny, the weights that live in the package: right on rooms and cameras it never saw."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.grin import cameras, frames, queries, uncertainty
from benchmarks.grin.frames import HEIGHT, WIDTH, View, held_out, pipeline, score, views
from depth_ros.geometry.camera import Camera

pytestmark = pytest.mark.slow

MODEL = "grin-tiny"
FRAMES = 10
"""Of the 200 that the table in docs/grin.md is made of: 1 of 20 drives."""


@pytest.fixture(scope="module")
def seen() -> list[View]:
    return held_out(FRAMES)


def test_one_sample_is_as_exact_as_documented(seen: list[View]) -> None:
    scores = score(pipeline(MODEL, grin_samples=1), seen, "one sample").scores
    assert scores.abs_rel <= 0.15
    assert scores.delta1 >= 0.80


@pytest.fixture(scope="module")
def known() -> float:
    """AbsRel of the drives' own cameras, whose fields of view are among those of training."""
    (own,) = (name for name, camera in cameras.cameras().items() if camera is None)
    return abs_rel(own)


def abs_rel(name: str) -> float:
    """AbsRel with a camera of half the benchmark's size, which is above the network's.

    Early in its drives: the way to a far view costs as much as the view.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "_FAR", 8)
        for module in (frames, cameras):
            patch.setattr(module, "WIDTH", WIDTH // 2)
            patch.setattr(module, "HEIGHT", HEIGHT // 2)
        seen = views(16, cameras.cameras()[name])
        return score(pipeline(MODEL), seen, name).scores.abs_rel


@pytest.mark.parametrize("name", [name for name, camera in cameras.cameras().items() if camera])
def test_a_camera_it_never_saw_costs_less_than_twice_the_error(name: str, known: float) -> None:
    assert abs_rel(name) <= 2 * known


def test_spread_correlates_with_the_error_of_depth(seen: list[View]) -> None:
    found = uncertainty.measure(MODEL, seen[::2], steps=2, samples=5)
    assert found.spearman > 0.3
    assert found.confidence == pytest.approx(found.right, abs=0.15)


def test_asking_for_every_fourth_pixel_is_within_a_percent_of_asking_for_all() -> None:
    view = next(views(1, Camera.from_fov(128, 96, 65.0)))
    measured = dict(zip(queries.STRIDES, queries.measure(MODEL, view, repeats=1), strict=True))
    assert measured[4].pixels * 16 == measured[1].pixels
    assert measured[4].median < 0.01


def test_the_same_seed_gives_the_same_bytes(seen: list[View]) -> None:
    one, again = (pipeline(MODEL)(seen[0].frame).depth_m.numpy() for _ in range(2))
    assert one.tobytes() == again.tobytes()
    other = pipeline(MODEL, grin_seed=1)(seen[0].frame).depth_m.numpy()
    assert 0 < np.nanmean(np.abs(other - one) / one) < 0.2
