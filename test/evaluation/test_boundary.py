"""Boundary F1 against its definition, contour by contour."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.evaluation.boundary import boundary_f1

Map = npt.NDArray[np.float64]


def contours(depth: Map, threshold: float) -> list[set[tuple[int, int]]]:
    """For left, right, top and bottom: the pixels that lie farther than that neighbour."""
    height, width = depth.shape
    found = []
    for dv, du in ((0, -1), (0, 1), (-1, 0), (1, 0)):
        side = set()
        for v in range(height):
            for u in range(width):
                v2, u2 = v + dv, u + du
                if 0 <= v2 < height and 0 <= u2 < width and depth[v, u] > threshold * depth[v2, u2]:
                    side.add((v, u))
        found.append(side)
    return found


def by_definition(depth: Map, truth: Map) -> float:
    total = weights = 0.0
    for threshold in [1.05 + i * (1.25 - 1.05) / 9 for i in range(10)]:
        sides = list(zip(contours(depth, threshold), contours(truth, threshold), strict=True))
        precision = sum(len(a & b) / max(len(a), 1) for a, b in sides) / 4
        recall = sum(len(a & b) / max(len(b), 1) for a, b in sides) / 4
        if precision + recall:
            total += threshold * 2 * precision * recall / (precision + recall)
        weights += threshold
    return total / weights


@pytest.mark.parametrize("seed", range(4))
def test_it_is_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(1, 1.4, (6, 9))
    depth = truth * rng.uniform(0.95, 1.05, truth.shape)
    assert 0 < boundary_f1(depth, truth) < 1
    assert boundary_f1(depth, truth) == pytest.approx(by_definition(depth, truth))


def blocks(shift: int = 0) -> Map:
    """A near box before a far wall."""
    truth = np.full((12, 20), 4.0)
    truth[3:9, 5 + shift : 12 + shift] = 1.5
    return truth


@given(st.floats(0.01, 100))
def test_a_wrong_scale_is_not_seen(factor: float) -> None:
    assert boundary_f1(factor * blocks(), blocks()) == pytest.approx(1)


def test_blurred_and_moved_contours_are_none() -> None:
    ramp = np.linspace(1.5, 4.0, 40).reshape(1, 40).repeat(12, axis=0)
    step = np.where(np.arange(40) < 20, 1.5, 4.0).reshape(1, 40).repeat(12, axis=0)
    assert boundary_f1(ramp, step) < 0.2
    assert boundary_f1(blocks(shift=1), blocks()) < 0.7
    assert boundary_f1(np.ones((12, 20)), blocks()) == 0


def test_precision_and_recall_weigh_the_same() -> None:
    rng = np.random.default_rng(0)
    truth, depth = rng.uniform(1, 1.4, (2, 6, 9))
    assert boundary_f1(depth, truth) == pytest.approx(boundary_f1(truth, depth))


def test_contours_where_there_is_no_truth_do_not_count() -> None:
    truth = blocks()
    truth[:2, :5] = np.nan
    depth = blocks()
    depth[0, 0] = 9.0
    assert boundary_f1(depth, truth) == pytest.approx(1)
    assert boundary_f1(depth, blocks()) < 1
