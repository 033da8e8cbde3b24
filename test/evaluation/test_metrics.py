"""Metrics against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.evaluation.metrics import Scores, mean, score


def test_scores_of_a_worked_example() -> None:
    depth_m = np.array([[1.0, 2.0, 4.0]])
    truth_m = np.array([[1.0, 1.0, 5.0]])
    scores = score(depth_m, truth_m)
    assert scores.abs_rel == pytest.approx((0 + 1 + 0.2) / 3)
    assert scores.delta1 == pytest.approx(1 / 3), "5 / 4 is not less than 1.25"
    assert scores.rmse_m == pytest.approx(math.sqrt(2 / 3))


@given(st.floats(0.1, 10))
def test_one_factor_on_both_maps_changes_only_metres(factor: float) -> None:
    rng = np.random.default_rng(0)
    depth_m, truth_m = rng.uniform(1, 5, (2, 4, 6))
    a, b = score(depth_m, truth_m), score(factor * depth_m, factor * truth_m)
    assert b.abs_rel == pytest.approx(a.abs_rel)
    assert b.delta1 == a.delta1
    assert b.rmse_m == pytest.approx(factor * a.rmse_m)


def test_only_pixels_valid_in_both_maps_count() -> None:
    depth_m = np.array([1.0, np.nan, np.inf, 3.0, 9.0])
    truth_m = np.array([1.0, 2.0, 2.0, np.nan, 0.0])
    assert score(depth_m, truth_m) == Scores(0.0, 1.0, 0.0)


def test_no_pixel_in_common_is_no_score() -> None:
    assert math.isnan(score(np.full((2, 3), np.nan), np.ones((2, 3))).abs_rel)


def test_every_image_counts_the_same() -> None:
    assert mean([Scores(0.1, 1.0, 1.0), Scores(0.3, 0.0, 3.0)]) == pytest.approx((0.2, 0.5, 2.0))
