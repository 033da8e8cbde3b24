"""Alignment: what it cannot see, and least squares by another library."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.errors import ModelError
from depth_ros.evaluation.alignment import Alignment, align

Maps = npt.NDArray[np.float32]
METRIC, DEPTH, INVERSE = "metric_depth", "affine_depth", "affine_inverse_depth"


def depths(seed: int, frames: int = 1) -> Maps:
    return np.random.default_rng(seed).uniform(1, 8, (frames, 5, 7)).astype(np.float32)


SCALES = [Alignment.MEDIAN, Alignment.RATIO]


@pytest.mark.parametrize("how", SCALES)
@given(factor=st.floats(0.1, 10))
def test_scale_alignment_undoes_a_factor(how: Alignment, factor: float) -> None:
    truth_m = depths(0)
    aligned = align(np.float32(factor) * truth_m, METRIC, truth_m, how)
    assert aligned == pytest.approx(truth_m, rel=1e-5)


@given(st.integers(0, 100), st.floats(0.8, 1.25))
def test_no_factor_has_a_smaller_log_error_than_the_median_of_ratios(
    seed: int, factor: float
) -> None:
    values, truth_m = depths(seed), depths(seed + 1000)

    def error(scaled: Maps) -> float:
        return float(np.abs(np.log(scaled / truth_m)).mean())

    aligned = align(values, METRIC, truth_m, Alignment.RATIO)
    assert error(aligned) <= error(np.float32(factor) * aligned) + 1e-6


def test_a_factor_is_not_that_of_pixels_without_truth() -> None:
    truth_m = depths(0)
    values = truth_m.copy()
    truth_m[0, :2], values[0, :2] = np.nan, 100
    for how in SCALES:
        assert align(values, METRIC, truth_m, how)[0, 2:] == pytest.approx(truth_m[0, 2:])


@given(st.floats(0.1, 10), st.floats(-3, 3))
def test_affine_alignment_undoes_scale_and_shift_of_inverse_depth(
    scale: float, shift: float
) -> None:
    truth_m = depths(1)
    values = (scale / truth_m + shift).astype(np.float32)
    assert align(values, INVERSE, truth_m, Alignment.AFFINE) == pytest.approx(truth_m, rel=1e-3)


@given(st.floats(0.1, 10), st.floats(-3, 3))
def test_affine_alignment_of_affine_depth_is_in_depth(scale: float, shift: float) -> None:
    truth_m = depths(1)
    values = (scale * truth_m + shift).astype(np.float32)
    assert align(values, DEPTH, truth_m, Alignment.AFFINE) == pytest.approx(truth_m, rel=1e-3)


def test_affine_alignment_is_numpys_least_squares_over_the_pixels_that_count() -> None:
    truth_m, noise = depths(2), depths(3)
    values = 1 / truth_m + 0.1 / noise
    truth_m[0, :2] = np.nan
    values[0, 3, 3] = np.nan
    both = np.isfinite(truth_m) & np.isfinite(values)
    design = np.stack([values[both], np.ones(both.sum())], axis=1).astype(np.float64)
    (scale, shift), *_ = np.linalg.lstsq(design, 1 / truth_m[both].astype(np.float64), rcond=None)
    expected = 1 / np.maximum(scale * values + shift, 1e-3)
    aligned = align(values, INVERSE, truth_m, Alignment.AFFINE)
    assert aligned == pytest.approx(expected, rel=1e-4, nan_ok=True)


def test_metric_depth_is_aligned_in_inverse_depth_too() -> None:
    truth_m = depths(4)
    as_inverse = align(np.reciprocal(truth_m), INVERSE, depths(5), Alignment.AFFINE)
    assert align(truth_m, METRIC, depths(5), Alignment.AFFINE) == pytest.approx(as_inverse)


def test_a_clip_has_one_scale_and_shift_and_images_have_their_own() -> None:
    truth_m = depths(6, frames=2)
    drifting = np.stack([1 / truth_m[0], 2 / truth_m[1] + 1]).astype(np.float32)
    one = align(drifting, INVERSE, truth_m, Alignment.CLIP)
    own = [align(drifting[[i]], INVERSE, truth_m[[i]], Alignment.AFFINE)[0] for i in range(2)]
    assert np.stack(own) == pytest.approx(truth_m, rel=1e-3)
    assert np.abs(one - truth_m).mean() > 0.1, "drift between frames shows"


def test_what_lies_beyond_any_range_is_cut_at_a_kilometre() -> None:
    truth_m = depths(7)
    values = (1 / truth_m).astype(np.float32)
    values[0, 0, 0] = -1
    truth_m[0, 0, 0] = np.nan
    assert align(values, INVERSE, truth_m, Alignment.AFFINE).max() == pytest.approx(1000)


def test_a_prediction_that_is_inside_out_is_the_same_depth_everywhere() -> None:
    truth_m = depths(8)
    aligned = align((-1 / truth_m).astype(np.float32), INVERSE, truth_m, Alignment.AFFINE)
    assert np.ptp(aligned) == 0
    assert aligned[0, 0, 0] == pytest.approx(1 / np.mean(1 / truth_m), rel=1e-5)


@pytest.mark.parametrize("how", list(Alignment))
def test_an_image_without_truth_gives_no_depth_and_no_error(how: Alignment) -> None:
    aligned = align(depths(9), METRIC, np.full((1, 5, 7), np.nan, np.float32), how)
    assert aligned.shape == (1, 5, 7)
    assert np.isnan(aligned).all() == (how is not Alignment.NONE)


@pytest.mark.parametrize("how", [Alignment.NONE, *SCALES])
@pytest.mark.parametrize("kind", [DEPTH, INVERSE])
def test_relative_depth_is_not_taken_for_metres(how: Alignment, kind: str) -> None:
    with pytest.raises(ModelError, match=f"{kind}, which .*{how.value}.*--align affine"):
        align(depths(0), kind, depths(0), how)
