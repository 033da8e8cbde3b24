"""Scale and shift: against SciPy and NumPy, under outliers, and on input that says nothing."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit, lsq_linear

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError
from depth_ros.scale.fit import MIN_SAMPLES, Fit, least_squares, robust

Method = Callable[..., Fit]
METHODS: list[Method] = [least_squares, robust]


def samples(
    rng: np.random.Generator, count: int, scale: float, shift: float, noise: float = 0.01
) -> tuple[FloatArray, FloatArray]:
    """Predictions over a range of 10, and targets with noise relative to themselves."""
    predicted = rng.uniform(0.2, 2.0, count)
    target = scale * predicted + shift
    return predicted, target * (1 + rng.normal(0, noise, count))


def corrupt(
    rng: np.random.Generator, how: str, predicted: FloatArray, target: FloatArray
) -> FloatArray:
    """Replace 40 % of the targets."""
    target = target.copy()
    wrong = rng.permutation(len(target))[: int(0.4 * len(target))]
    size = np.ptp(target)
    target[wrong] = {
        "uniform": rng.uniform(target.min(), target.max(), len(wrong)),
        "too far": target[wrong] + rng.uniform(0.1, 2.0, len(wrong)) * size,
        "another line": target.min() + size * (0.5 - 0.2 * predicted[wrong]),
        "a flatter line": target.min() + size * (0.3 + 0.3 * predicted[wrong]),
        "one value": np.full(len(wrong), target.max()),
        "twice": 2 * target[wrong],
    }[how]
    return target


@pytest.mark.parametrize("shift", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_least_squares_is_that_of_scipy(seed: int, shift: bool) -> None:
    rng = np.random.default_rng(seed)
    x, y = samples(rng, 50, 3.0, 0.7 if shift else 0.0, noise=0.1)
    weights = rng.uniform(0.1, 5.0, 50)
    fit = least_squares(x, y, weights, shift)
    columns = np.stack([x, np.ones_like(x)][: 2 if shift else 1], axis=1)
    root = np.sqrt(weights)
    expected = lsq_linear(columns * root[:, None], y * root).x
    assert [fit.scale, fit.shift][: len(expected)] == pytest.approx(expected, rel=1e-9)
    assert shift or fit.shift == 0
    assert fit.inliers == 1


@pytest.mark.parametrize("seed", range(10))
def test_the_covariance_is_that_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = samples(rng, 40, 0.3, -0.05, noise=0.1)
    sigma = rng.uniform(0.5, 2.0, 40)
    _, line = curve_fit(lambda x, a, b: a * x + b, x, y, sigma=sigma)
    assert least_squares(x, y, sigma**-2).covariance == pytest.approx(line, rel=1e-4)
    _, ray = curve_fit(lambda x, a: a * x, x, y, sigma=sigma)
    covariance = least_squares(x, y, sigma**-2, shift=False).covariance
    assert covariance[0, 0] == pytest.approx(ray[0, 0], rel=1e-4)
    assert not covariance[1].any() and not covariance[:, 1].any()


def test_without_weights_the_line_is_that_of_numpy() -> None:
    x, y = samples(np.random.default_rng(1), 30, 2.0, 1.0, noise=0.2)
    fit = least_squares(x, y)
    assert [fit.scale, fit.shift] == pytest.approx(np.polyfit(x, y, 1), rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [True, False])
def test_a_sample_without_weight_is_as_good_as_absent(method: Method, shift: bool) -> None:
    rng = np.random.default_rng(2)
    x, y = samples(rng, 40, 2.0, 0.0)
    weights = np.ones(40)
    y[::3], weights[::3] = 100.0, 0.0
    used = weights > 0
    whole, part = method(x, y, weights, shift), method(x[used], y[used], None, shift)
    assert whole.scale == part.scale and whole.inliers == part.inliers
    assert np.array_equal(whole.covariance, part.covariance)


def test_a_sample_of_twice_the_weight_counts_like_two() -> None:
    x, y = samples(np.random.default_rng(3), 30, 2.0, 0.5)
    doubled = least_squares(x, y, np.where(np.arange(30) < 7, 2.0, 1.0))
    repeated = least_squares(np.append(x, x[:7]), np.append(y, y[:7]))
    assert doubled.scale == pytest.approx(repeated.scale, rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
@given(
    factor=st.floats(1e-3, 1e3),
    seed=st.integers(0, 50),
    shift=st.booleans(),
)
def test_units_change_the_fit_and_nothing_else(
    method: Method, factor: float, seed: int, shift: bool
) -> None:
    x, y = samples(np.random.default_rng(seed), 60, 1.5, 0.4 * shift)
    fit = method(x, y, None, shift)
    other_target = method(x, factor * y, None, shift)
    assert other_target.scale == pytest.approx(factor * fit.scale, rel=1e-6)
    assert other_target.shift == pytest.approx(factor * fit.shift, rel=1e-6)
    other_network = method(factor * x, y, None, shift)
    assert other_network.scale == pytest.approx(fit.scale / factor, rel=1e-6)
    assert other_network.shift == pytest.approx(fit.shift, rel=1e-6)
    for other in (other_target, other_network):
        assert other.deviation == pytest.approx(fit.deviation, rel=1e-5)
        assert other.inliers == fit.inliers


@pytest.mark.parametrize(
    "how", ["uniform", "too far", "another line", "a flatter line", "one value", "twice"]
)
@pytest.mark.parametrize("count", [200, 600, 2000])
@pytest.mark.parametrize("shift", [True, False])
def test_four_outliers_in_ten_do_not_move_the_robust_fit(how: str, count: int, shift: bool) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        scale = math.exp(rng.uniform(-2, 2))
        offset = rng.uniform(0.2, 0.6) * scale if shift else 0.0
        x, y = samples(rng, count, scale, offset)
        y_bad = corrupt(rng, how, x, y)
        fit = robust(x, y_bad, 1 / y_bad**2, shift)
        # 1 % of the scale, and of the targets' size where the shift is far from any sample.
        assert fit.scale == pytest.approx(scale, rel=0.01)
        assert fit.shift == pytest.approx(offset, abs=0.01 * scale)
        assert 0.58 <= fit.inliers <= 0.8


def test_without_outliers_the_robust_fit_is_almost_as_exact_as_least_squares() -> None:
    errors = []
    for seed in range(150):
        x, y = samples(np.random.default_rng(seed), 100, 2.0, 0.5)
        errors.append([method(x, y, y**-2).scale / 2 - 1 for method in (least_squares, robust)])
    exact, tolerant = np.std(errors, axis=0)
    assert tolerant <= 1.1 * exact  # 95 % efficient is 1.03


@pytest.mark.parametrize("outliers", [False, True])
def test_the_deviation_is_what_the_scale_scatters_by(outliers: bool) -> None:
    scales, deviations = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        x, y = samples(rng, 200, 2.0, 0.5)
        fit = robust(x, corrupt(rng, "uniform", x, y) if outliers else y, shift=True)
        scales.append(math.log(fit.scale))
        deviations.append(fit.deviation)
    assert 0.65 < np.mean(deviations) / np.std(scales) < 1.2


def test_a_cluster_of_most_samples_does_not_outvote_the_line_through_all() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = np.append(rng.normal(1.0, 0.01, 60), rng.uniform(0.2, 2.0, 40))
        y = (3 * x + 0.5) * (1 + rng.normal(0, 0.02, 100))
        assert robust(x, y, y**-2).scale == pytest.approx(3, rel=0.08)


def test_exact_samples_are_fitted_exactly() -> None:
    x = np.linspace(1, 2, 21)
    y = 3 * x + 0.5
    y[:8] = 0.0
    fit = robust(x, y)
    assert (fit.scale, fit.shift) == pytest.approx((3, 0.5), rel=1e-9)
    assert fit.inliers == pytest.approx(13 / 21)


@pytest.mark.parametrize("offset", [0.0, 10.0, -1e4])
def test_exact_samples_far_from_zero_are_fitted_as_well(offset: float) -> None:
    x = np.random.default_rng(5).uniform(1, 2, 50) + offset
    fit = robust(x, 3 * (x - offset) + 0.5)
    assert fit.scale == pytest.approx(3, rel=1e-6)
    assert fit.inliers == 1


def test_a_prediction_far_out_does_not_hide_the_spread_of_the_others() -> None:
    x, y = samples(np.random.default_rng(6), 100, 2.0, 0.5)
    x[:5] = 1e9
    assert robust(x, y, y**-2).scale == pytest.approx(2, rel=0.02)


def test_the_same_seed_gives_the_same_fit() -> None:
    rng = np.random.default_rng(4)
    x, y = samples(rng, 1000, 2.0, 0.5)
    y = corrupt(rng, "uniform", x, y)
    assert robust(x, y, seed=3).scale == robust(x, y, seed=3).scale
    assert robust(x, y, seed=3).scale == pytest.approx(robust(x, y, seed=4).scale, rel=1e-3)


X = np.linspace(1, 2, 20)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("predicted", "target", "weights", "message"),
    [
        (X, X[1:], None, r"\(20,\), \(19,\)"),
        (X, X, X[1:], r"\(20,\) and \(19,\)"),
        (X.reshape(4, 5), X.reshape(4, 5), None, "one dimension"),
        (X[: MIN_SAMPLES - 1], X[: MIN_SAMPLES - 1], None, "9 samples .* at least 10"),
        (X[:0], X[:0], None, "0 samples"),
        (X, X, 0 * X, "0 samples"),
        (X, X, np.arange(20) < 9, "9 samples"),
        (X, X, -X, "-2.0, expected none below 0"),
        (np.where(X > 1.5, np.nan, X), X, None, "predicted holds nan, expected finite"),
        (X, np.where(X > 1.5, np.inf, X), None, "target holds inf, expected finite"),
        (X, X, np.where(X > 1.5, np.inf, X), "weights holds? inf, expected finite"),
        (0 * X + 0.3, X, None, "predicted is 0.3 .*expected values that differ"),
        (X, -X, None, "best scale is -1 .*expected clearly positive"),
        (X, 0 * X, None, "best scale is 0 .*expected clearly positive"),
    ],
)
def test_what_gives_no_scale_is_refused(
    method: Method,
    predicted: FloatArray,
    target: FloatArray,
    weights: FloatArray | None,
    message: str,
) -> None:
    with pytest.raises(ScaleError, match=message):
        method(predicted, target, weights)


@pytest.mark.parametrize("method", METHODS)
def test_noise_without_a_trend_is_refused(method: Method) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(1, 1.1, 100), rng.uniform(1, 2, 100)
    with pytest.raises(ScaleError, match="clearly positive"):
        method(x, y)


def test_predictions_of_one_value_are_enough_for_a_scale_alone() -> None:
    for method in METHODS:
        assert method(0 * X + 0.5, 0 * X + 2, shift=False).scale == pytest.approx(4)
    with pytest.raises(ScaleError, match="expected values that differ"):
        least_squares(0 * X, X, shift=False)


def test_most_predictions_of_one_value_are_refused() -> None:
    x = np.append(np.full(10_000, 0.5), 0.6)
    with pytest.raises(ScaleError, match="expected"):
        robust(x, np.linspace(1, 2, len(x)))


def test_a_scale_alone_is_that_of_log_ratios_however_wide_they_scatter() -> None:
    rng = np.random.default_rng(1)
    y = rng.uniform(1, 5, 4000)
    x = y / 3 * np.exp(rng.normal(0, 0.45, y.shape))
    assert robust(x, y, y**-2, shift=False).scale == pytest.approx(3, rel=0.03)
    assert least_squares(x, y, y**-2, shift=False).scale < 2.7  # what it would be otherwise


def test_of_a_scale_alone_what_is_not_positive_is_an_outlier() -> None:
    x = np.linspace(1, 2, 40)
    y = 3 * x
    x[::4] = -1
    fit = robust(x, y, shift=False)
    assert fit.scale == pytest.approx(3)
    assert fit.inliers == pytest.approx(0.75)
    with pytest.raises(ScaleError, match="0 samples are positive"):
        robust(-y, y, shift=False)
