"""Metrics against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.evaluation.metrics import Scores, mean, mean_known, score

RNG = np.random.default_rng(0)


def by_definition(depths: list[float], truths: list[float]) -> dict[str, float]:
    """The published formulas, pixel by pixel."""
    pairs = [(d, g) for d, g in zip(depths, truths, strict=True) if 0 < d < math.inf]
    pairs = [(d, g) for d, g in pairs if 0 < g < math.inf]
    n = len(pairs)
    logs = [math.log(d) - math.log(g) for d, g in pairs]
    ratios = [max(d / g, g / d) for d, g in pairs]
    return {
        "abs_rel": sum(abs(d - g) / g for d, g in pairs) / n,
        "sq_rel_m": sum((d - g) ** 2 / g for d, g in pairs) / n,
        "rmse_m": math.sqrt(sum((d - g) ** 2 for d, g in pairs) / n),
        "rmse_log": math.sqrt(sum(e**2 for e in logs) / n),
        "log10": sum(abs(math.log10(d) - math.log10(g)) for d, g in pairs) / n,
        "silog": 100 * math.sqrt(sum(e**2 for e in logs) / n - (sum(logs) / n) ** 2),
        **{f"delta{k}": sum(r < 1.25**k for r in ratios) / n for k in (1, 2, 3)},
    }


@pytest.mark.parametrize("seed", range(5))
def test_every_number_is_its_published_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth_m, truth_m = rng.uniform(0.5, 9, (2, 4, 6))
    depth_m[0, :3], truth_m[1, :2] = (np.nan, np.inf, -1), (0, np.nan)
    expected = by_definition(depth_m.ravel().tolist(), truth_m.ravel().tolist())
    assert score(depth_m, truth_m)._asdict() == pytest.approx(expected)


def test_scores_of_a_worked_example() -> None:
    depth_m = np.array([[1.0, 2.0, 4.0]])
    truth_m = np.array([[1.0, 1.0, 5.0]])
    scores = score(depth_m, truth_m)
    assert scores.abs_rel == pytest.approx((0 + 1 + 0.2) / 3)
    assert scores.delta1 == pytest.approx(1 / 3), "5 / 4 is not less than 1.25"
    assert scores.rmse_m == pytest.approx(math.sqrt(2 / 3))
    assert scores.sq_rel_m == pytest.approx((0 + 1 + 0.2) / 3)


@given(st.floats(0.1, 10))
def test_one_factor_on_both_maps_changes_only_metres(factor: float) -> None:
    depth_m, truth_m = np.random.default_rng(0).uniform(1, 5, (2, 4, 6))
    a, b = score(depth_m, truth_m), score(factor * depth_m, factor * truth_m)
    in_metres = {"rmse_m", "sq_rel_m"}
    for name in Scores._fields:
        expected = getattr(a, name) * (factor if name in in_metres else 1)
        assert getattr(b, name) == pytest.approx(expected), name


@given(st.floats(0.1, 10))
def test_silog_alone_does_not_see_a_wrong_scale(factor: float) -> None:
    depth_m, truth_m = np.random.default_rng(1).uniform(1, 5, (2, 4, 6))
    assert score(factor * depth_m, truth_m).silog == pytest.approx(score(depth_m, truth_m).silog)
    off = score(factor * truth_m, truth_m)
    assert off.silog == pytest.approx(0, abs=1e-6)
    assert off.abs_rel == pytest.approx(abs(factor - 1))
    assert off.rmse_log == pytest.approx(abs(math.log(factor)))
    assert off.log10 == pytest.approx(abs(math.log10(factor)))


def test_what_divides_by_the_truth_is_not_symmetric_and_the_rest_is() -> None:
    depth_m, truth_m = RNG.uniform(1, 5, (2, 4, 6))
    there, back = score(depth_m, truth_m), score(truth_m, depth_m)
    for name in Scores._fields:
        same = getattr(there, name) == pytest.approx(getattr(back, name))
        assert same == (name not in {"abs_rel", "sq_rel_m"}), name


def test_only_pixels_valid_in_both_maps_count() -> None:
    depth_m = np.array([1.0, np.nan, np.inf, 3.0, 9.0])
    truth_m = np.array([1.0, 2.0, 2.0, np.nan, 0.0])
    assert score(depth_m, truth_m) == Scores(0, 1, 0, 0, 0, 0, 0, 1, 1)


def test_no_pixel_in_common_is_no_score() -> None:
    scores = score(np.full((2, 3), np.nan), np.ones((2, 3)))
    assert all(math.isnan(value) for value in scores)


def test_every_image_counts_the_same() -> None:
    assert mean([Scores(0.1, 1.0, 1.0), Scores(0.3, 0.0, 3.0)])[:3] == pytest.approx((0.2, 0.5, 2))


def test_images_without_a_score_are_left_out_of_the_mean() -> None:
    assert mean_known([1.0, math.nan, 3.0]) == 2.0
    assert math.isnan(mean_known([math.nan]))
    assert math.isnan(mean_known([]))
