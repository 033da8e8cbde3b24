"""The filtered scale: still where it is still, quick where it really changes."""

import math

import numpy as np
import pytest

from depth_ros.arrays import FloatArray
from depth_ros.scale.filter import AGREEING, FLOOR, ScaleFilter
from depth_ros.scale.fit import Fit

SEEDS = range(40)
# Reported by the fits; None: another one in every frame.
DEVIATIONS = [0.002, 0.02, 0.1, None]
HZ = 10
START_NS = 1_700_000_000_000_000_000


def fit(scale: float, deviation: float = 0.02, shift: float = 0.0, shift_sigma: float = 0.0) -> Fit:
    return Fit(scale, shift, np.diag([(deviation * scale) ** 2, shift_sigma**2]), 1.0)


def stamp_ns(frame: int) -> int:
    return START_NS + frame * 1_000_000_000 // HZ


def jitter(rng: np.random.Generator, frames: int) -> FloatArray:
    """Factors of +-10 %."""
    return rng.uniform(0.9, 1.1, frames)


def reported(rng: np.random.Generator, deviation: float | None) -> float:
    return deviation or math.exp(rng.uniform(math.log(0.002), math.log(0.1)))


def filtered(scales: FloatArray, deviation: float | None, seed: int = 0) -> FloatArray:
    """The filter's scale after every frame at 10 Hz."""
    rng, scale_filter, out = np.random.default_rng(seed), ScaleFilter(), []
    for frame, scale in enumerate(scales):
        scale_filter.update(fit(scale, reported(rng, deviation)), stamp_ns(frame))
        out.append(scale_filter.scale)
    return np.array(out)


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_jitter_of_a_static_scene_falls_to_a_quarter(deviation: float | None) -> None:
    ratios = []
    for seed in SEEDS:
        raw = 2.0 * jitter(np.random.default_rng(seed), 200)
        smooth = filtered(raw, deviation, seed)
        ratios.append(np.log(raw[20:]).std() / np.log(smooth[20:]).std())
    assert min(ratios) >= 4
    assert np.median(ratios) >= 8


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize("rate", [0.01, -0.01])
def test_a_drift_of_a_percent_per_second_is_followed(rate: float, deviation: float | None) -> None:
    truth = 2.0 * np.exp(rate * np.arange(600) / HZ)
    lag = np.log(truth / filtered(truth, deviation))[100:] * np.sign(rate)
    assert lag.max() < (0.065 if deviation == 0.1 else 0.035)
    assert lag.min() > 0


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_real_step_is_followed_within_four_frames(factor: float, deviation: float | None) -> None:
    for seed in SEEDS:
        steps = np.where(np.arange(80) < 50, 1.0, factor)
        scales = filtered(steps * jitter(np.random.default_rng(seed), 80), deviation, seed)
        assert scales[:50] == pytest.approx(1, rel=0.15)
        assert scales[50 + 4 - 1 :] == pytest.approx(factor, rel=0.1)


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize("factor", [3.0, 1 / 3])
@pytest.mark.parametrize("frame", [5, 60])
def test_a_lone_outlier_changes_nothing(frame: int, factor: float, deviation: float | None) -> None:
    for seed in SEEDS:
        scales = jitter(np.random.default_rng(seed), frame + 1)
        scales[frame] *= factor
        before, after = filtered(scales, deviation, seed)[-2:]
        assert after == pytest.approx(before, rel=0.02)


def test_outliers_that_contradict_each_other_are_never_followed() -> None:
    scale_filter = ScaleFilter()
    scales = [1.0] * 20 + [3.0, 9.0, 0.3, 5.0, 0.1, 2.0, 0.5, 8.0]
    for frame, scale in enumerate(scales):
        scale_filter.update(fit(scale), stamp_ns(frame))
    assert scale_filter.scale == pytest.approx(1)
    assert scale_filter.age_s(stamp_ns(len(scales) - 1)) == pytest.approx(0.8)


def test_outliers_with_good_frames_between_are_never_followed() -> None:
    scales = np.where(np.arange(60) % 3 == 0, 1.0, 3.0)
    assert filtered(scales, 0.02) == pytest.approx(1)


def test_a_wrong_first_frame_is_forgotten() -> None:
    scales = np.append(3.0, np.ones(AGREEING))
    assert filtered(scales, 0.02)[-1] == pytest.approx(1)


def test_measurements_of_a_constant_scale_are_averaged_at_first() -> None:
    raw = jitter(np.random.default_rng(1), 5)
    assert np.log(filtered(raw, 0.05)) == pytest.approx(
        [np.log(raw[:count]).mean() for count in range(1, 6)], abs=2e-3
    )


def test_the_more_precise_measurement_has_more_weight() -> None:
    def after(deviation: float) -> float:
        scale_filter = ScaleFilter()
        scale_filter.update(fit(1.0, FLOOR), stamp_ns(0))
        scale_filter.update(fit(1.1, deviation), stamp_ns(1))
        return scale_filter.scale

    assert 1 < after(4 * FLOOR) < after(2 * FLOOR) < after(FLOOR) < 1.1
    assert after(FLOOR) == after(FLOOR / 10)


def test_the_deviation_is_that_of_the_filtered_scale() -> None:
    scale_filter, errors = ScaleFilter(), []
    rng = np.random.default_rng(1)
    for frame in range(400):
        scale_filter.update(fit(math.exp(rng.normal(0, FLOOR))), stamp_ns(frame))
        errors.append(math.log(scale_filter.scale) / scale_filter.deviation)
    # The filter expects the scale to walk, this one stands still.
    assert 0.3 < np.std(errors) < 1.1


def test_after_a_long_silence_a_measurement_counts_more() -> None:
    def after(silence_frames: int) -> float:
        scale_filter = ScaleFilter()
        for frame in range(100):
            scale_filter.update(fit(1.0), stamp_ns(frame))
        scale_filter.update(fit(1.1), stamp_ns(99 + silence_frames))
        return scale_filter.scale

    assert after(1) < after(100) < after(10_000) < 1.1


def test_the_shift_is_smoothed_like_the_scale() -> None:
    for seed in range(10):
        rng, scale_filter = np.random.default_rng(seed), ScaleFilter()
        raw, smooth = [], []
        for frame in range(200):
            shift = rng.normal(0.0, 0.02)
            scale_filter.update(fit(1.0, 0.01, shift, 0.005), stamp_ns(frame))
            raw.append(shift)
            smooth.append(scale_filter.shift)
        assert np.std(raw[20:]) >= 4 * np.std(smooth[20:])


def test_a_step_of_the_shift_alone_is_held_back_and_then_followed() -> None:
    scale_filter, shifts = ScaleFilter(), []
    for frame in range(30):
        shift = 0.1 if frame < 20 else 0.4
        scale_filter.update(fit(1.0, 0.02, shift, 0.01), stamp_ns(frame))
        shifts.append(scale_filter.shift)
    assert shifts[: 20 + AGREEING - 1] == pytest.approx([0.1] * (20 + AGREEING - 1))
    assert shifts[20 + AGREEING :] == pytest.approx([0.4] * (10 - AGREEING))


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_units_of_the_target_do_not_matter(unit: float) -> None:
    rng, one, other = np.random.default_rng(2), ScaleFilter(), ScaleFilter()
    for frame in range(60):
        step = 2.0 if frame > 40 else 1.0
        scale, shift = step * rng.uniform(0.9, 1.1), rng.normal(0.3, 0.05)
        one.update(fit(scale, 0.02, shift, 0.02), stamp_ns(frame))
        other.update(fit(unit * scale, 0.02, unit * shift, unit * 0.02), stamp_ns(frame))
        assert other.scale == pytest.approx(unit * one.scale)
        assert other.shift == pytest.approx(unit * one.shift)
        assert other.deviation == pytest.approx(one.deviation)


def test_time_that_jumps_back_resets_the_filter() -> None:
    scale_filter = ScaleFilter()
    for frame in range(50):
        scale_filter.update(fit(1.0), stamp_ns(frame))
    scale_filter.update(fit(1.1), stamp_ns(0))
    assert scale_filter.scale == pytest.approx(1.1)


def test_a_new_and_a_reset_filter_know_nothing() -> None:
    fresh, used = ScaleFilter(), ScaleFilter()
    used.update(fit(2.0, shift=0.5), stamp_ns(7))
    assert used.ready
    assert used.age_s(stamp_ns(12)) == pytest.approx(0.5)
    used.reset()
    for scale_filter in (fresh, used):
        assert not scale_filter.ready
        assert (scale_filter.scale, scale_filter.shift) == (1, 0)
        assert math.isinf(scale_filter.deviation)
        assert math.isinf(scale_filter.age_s(stamp_ns(20)))


def test_two_frames_of_one_stamp_and_a_perfect_fit_are_legal() -> None:
    scale_filter = ScaleFilter()
    for _ in range(3):
        scale_filter.update(fit(2.0, deviation=0.0), stamp_ns(0))
    assert scale_filter.scale == pytest.approx(2)
    assert 0 < scale_filter.deviation < FLOOR
