"""Filter the scale over time: suppress jitter, but follow real changes."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, NamedTuple

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError
from depth_ros.scale.fit import Fit

_S_PER_NS = 1e-9

FLOOR = 0.05
"""Minimum standard deviation of a measured log scale.

A fit's formal deviation contains the noise of thousands of samples only. A network's scale of the
whole image varies by several percent from frame to frame, which a single fit cannot show.
"""

WALK = 0.005
"""Random walk of log scale in one second (standard deviation).

At 10 Hz and FLOOR the gain converges to 0.031: white jitter is reduced eight-fold, and a drift is
followed with a delay of 3.1 s.
"""

GATE = 3.0
"""Standard deviations from the expected value beyond which a measurement is held back.

At FLOOR that is 15 %: more than a network's jitter, less than a change of scene or mode.
"""

AGREEING = 3
"""Number of consecutive held-back measurements that, if they agree, are accepted."""

_MOST_LOG_SCALE = 50.0  # more is not plausible


class _Measurement(NamedTuple):
    """A fit as filter input: (log scale, shift) and the variances of both."""

    value: FloatArray
    variance: FloatArray
    stamp_ns: int


class ScaleFilter:
    """Robust Kalman filter of a random walk of log scale, and of shift in its own units.

    Both use the gain of the scale: so the output is a mean of the input lines, not a combination of
    scale and shift that fits none of them.

    A measurement outside the gate is held back: a single outlier changes nothing. AGREEING of them
    in a row that agree are a real step, and the filter restarts from them.
    """

    def __init__(self) -> None:
        self._held_back: deque[_Measurement] = deque(maxlen=AGREEING)
        self.reset()

    def reset(self) -> None:
        """Forget all measurements."""
        self._state = np.zeros(2)
        self._variance = math.inf  # of log scale
        self._accepted_ns = self._seen_ns = 0
        self._held_back.clear()

    def as_dict(self) -> dict[str, Any]:
        """Return the state in JSON types."""
        held_back = [[*m.value.tolist(), *m.variance.tolist(), m.stamp_ns] for m in self._held_back]
        return {
            "state": self._state.tolist(),
            "variance": self._variance if self.ready else None,
            "times_ns": [self._accepted_ns, self._seen_ns],
            "held_back": held_back,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state of as_dict().

        Raises:
            ScaleError: it is not such a state.
        """
        try:
            log_scale, shift = map(float, state["state"])
            accepted_ns, seen_ns = map(int, state["times_ns"])
            variance = math.inf if state["variance"] is None else float(state["variance"])
            held_back = [_restored(*each) for each in state["held_back"]]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ScaleError(f"{str(state)[:80]} is not the state of a scale: {error}") from error
        if not (abs(log_scale) < _MOST_LOG_SCALE and math.isfinite(shift) and variance > 0):
            raise ScaleError(
                f"log scale {log_scale}, shift {shift}, variance {variance}: not a valid scale"
            )
        self._state, self._variance = np.array([log_scale, shift]), variance
        self._accepted_ns, self._seen_ns = accepted_ns, seen_ns
        self._held_back = deque(held_back, maxlen=AGREEING)

    @property
    def ready(self) -> bool:
        """Whether a scale was measured."""
        return self._variance < math.inf

    @property
    def scale(self) -> float:
        """The scale; 1 until ready."""
        return math.exp(self._state[0])

    @property
    def shift(self) -> float:
        """The shift in the fits' units; 0 until ready."""
        return float(self._state[1])

    @property
    def deviation(self) -> float:
        """Standard deviation of log scale at the last accepted measurement; inf if not ready."""
        return math.sqrt(self._variance)

    def age_s(self, stamp_ns: int) -> float:
        """Return the time from the last accepted measurement to a stamp; inf if not ready."""
        return (stamp_ns - self._accepted_ns) * _S_PER_NS if self.ready else math.inf

    def update(self, fit: Fit, stamp_ns: int) -> bool:
        """Process the fit of a frame captured at stamp_ns; return whether it was accepted.

        The filter is reset if time jumps back.
        """
        if stamp_ns < self._seen_ns:
            self.reset()
        self._seen_ns = stamp_ns
        measurement = _measure(fit, stamp_ns)
        if not self.ready or self._expects(measurement):
            self._accept(measurement)
            return True
        self._held_back.append(measurement)
        if not _agree(self._held_back):
            return False
        self._variance = math.inf
        for held_back in tuple(self._held_back):
            self._accept(held_back)
        return True

    def _walked(self, stamp_ns: int) -> float:
        """Return the variance of log scale at a stamp, before a measurement."""
        return self._variance + WALK**2 * max(self.age_s(stamp_ns), 0.0)

    def _expects(self, measurement: _Measurement) -> bool:
        ratio = self._walked(measurement.stamp_ns) / measurement.variance[0]
        return _within(measurement.value - self._state, measurement.variance * (1 + ratio))

    def _accept(self, measurement: _Measurement) -> None:
        prior, noise = self._walked(measurement.stamp_ns), measurement.variance[0]
        gain = 1.0 if math.isinf(prior) else prior / (prior + noise)
        self._state = self._state + gain * (measurement.value - self._state)
        self._variance = gain * noise
        self._accepted_ns = measurement.stamp_ns
        self._held_back.clear()


def _measure(fit: Fit, stamp_ns: int) -> _Measurement:
    """Return a fit with realistic variances.

    If the scale's formal deviation is raised to FLOOR, that of the shift is raised by the same
    factor. An error of scale also scales the shift, which limits the shift's precision.
    """
    deviation = max(fit.deviation, FLOOR)
    optimism = deviation / max(fit.deviation, np.finfo(np.float64).eps)
    shift_variance = max(fit.covariance[1, 1] * optimism**2, (deviation * fit.shift) ** 2)
    value = np.array([math.log(fit.scale), fit.shift])
    return _Measurement(value, np.array([deviation**2, shift_variance]), stamp_ns)


def _restored(
    log_scale: float, shift: float, scale_variance: float, shift_variance: float, stamp_ns: int
) -> _Measurement:
    value = np.array([log_scale, shift], np.float64)
    variance = np.array([scale_variance, shift_variance], np.float64)
    if not (np.isfinite([*value, *variance]).all() and scale_variance > 0 <= shift_variance):
        raise ValueError(f"{value} with variance {variance} is not a measurement")
    return _Measurement(value, variance, int(stamp_ns))


def _within(difference: FloatArray, variance: FloatArray) -> bool:
    # No division: a shift that was never fitted has zero variance and zero difference.
    return bool((difference**2 <= GATE**2 * variance).all())


def _agree(measurements: deque[_Measurement]) -> bool:
    """Return whether there are enough measurements, and all are near their mean."""
    mean = np.mean([each.value for each in measurements], axis=0)
    near = (_within(each.value - mean, each.variance) for each in measurements)
    return len(measurements) == AGREEING and all(near)
