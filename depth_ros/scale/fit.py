"""Fit the scale and shift from a network's values to measured ones: target = scale * x + shift.

Units are arbitrary, depth or inverse depth; weights are the samples' inverse variances.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError

MIN_SAMPLES = 10
"""Minimum number of samples, so that the fit is robust to four outliers in ten."""

_MIN_SPREAD = 1e-6  # of predictions, relative to their size: less is float32 rounding
_ROUNDING = 1e-9  # of residuals, relative to the targets' size: less is float64 rounding
_HYPOTHESES = 300  # with 40 % outliers, some 100 of as many random pairs are free of them
_SCORED = 300  # residuals per hypothesis: more do not improve the ranking
_SIGMA_PER_MAD = 1.4826  # standard deviation over median absolute deviation, if Gaussian
_NEAR = 2.5  # standard deviations within which residuals are used to estimate noise
_TUKEY = 4.685  # cut-off in standard deviations: 95 % efficient on Gaussian noise
_ROUNDS = 15
_CLEARLY = 2.0  # standard deviations by which a scale must exceed 0


@dataclass(frozen=True)
class Fit:
    """target = scale * predicted + shift.

    Attributes:
        scale: clearly positive, units of target over units of predicted.
        shift: in units of target; 0 if only a scale was fitted.
        covariance: (2, 2) of (scale, shift); zeros for a shift that was not fitted.
        inliers: share 0 to 1 of the samples that the fit did not reject.
    """

    scale: float
    shift: float
    covariance: FloatArray
    inliers: float

    @property
    def deviation(self) -> float:
        """Standard deviation of log scale: the scale's relative error."""
        return math.sqrt(self.covariance[0, 0]) / self.scale


def least_squares(
    predicted: npt.ArrayLike,
    target: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    shift: bool = True,
) -> Fit:
    """Fit by weighted least squares, in closed form; not robust to outliers.

    Args:
        predicted: (N,) the network's output.
        target: (N,) the measured values.
        weights: (N,) inverse variances up to a common factor, which is estimated from the
            residuals; 0 leaves a sample out. None: equal weights.
        shift: whether to fit a shift as well as a scale.

    Raises:
        ScaleError: lengths differ, fewer than MIN_SAMPLES have weight, a value is not finite, a
            weight is negative, predicted has no spread, or the scale is not clearly positive.
    """
    return _positive(_solve(*_samples(predicted, target, weights), shift))


def robust(
    predicted: npt.ArrayLike,
    target: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    shift: bool = True,
    seed: int = 0,
) -> Fit:
    """Fit the majority of the samples, independent of the outliers' values.

    Hypotheses come from random minimal samples. The least median of their residuals (Rousseeuw
    1984) estimates the noise, so that no tolerance is needed. The hypothesis with most support at
    that noise (MSAC, Torr and Zisserman 2000) is the start of iteratively reweighted least squares
    with Tukey's biweight. The fit is robust to four outliers in ten, even if they agree.

    A scale alone is fitted to the logarithms of target over predicted. With multiplicative noise of
    predicted, least squares on the values would give a scale too small by a factor of
    1 / (1 + CV^2), where CV is the coefficient of variation of that noise. Values that are not
    positive are outliers there.

    Arguments and errors are those of least_squares; the same seed gives the same fit.
    """
    x, y, w = _samples(predicted, target, weights)
    rng = np.random.default_rng(seed)
    if shift:
        return _positive(_agreed(x, y, w, True, rng, _rounding(np.sqrt(w) * y)))
    return _positive(_ratio(x, y, w, rng))


def _ratio(x: FloatArray, y: FloatArray, w: FloatArray, rng: np.random.Generator) -> Fit:
    """Fit a scale alone, robustly, in logarithms."""
    positive = (x > 0) & (y > 0)
    if np.count_nonzero(positive) < MIN_SAMPLES:
        raise ScaleError(
            f"{np.count_nonzero(positive)} samples are positive, expected at least {MIN_SAMPLES}"
        )
    x, y, w = x[positive], y[positive], w[positive]
    # The error of a logarithm is a relative error. A constant is fitted to the logarithms.
    weights = w * y**2
    rounding = _ROUNDING * float(np.sqrt(weights).max())
    log = _agreed(np.ones_like(x), np.log(y / x), weights, False, rng, rounding)
    scale = math.exp(log.scale)
    return Fit(scale, 0.0, log.covariance * scale**2, log.inliers * float(positive.mean()))


def _agreed(
    x: FloatArray,
    y: FloatArray,
    w: FloatArray,
    shift: bool,
    rng: np.random.Generator,
    rounding: float,
) -> Fit:
    """Return the fit of the majority; residuals below rounding count as zero."""
    root = np.sqrt(w)
    fit = _best_hypothesis(x, y, root, shift, rng, rounding)
    sigma = math.inf
    for _ in range(_ROUNDS):
        residual = root * np.abs(y - fit.scale * x - fit.shift)
        # Only from near residuals, so that outliers do not widen it from round to round.
        near = residual[residual <= _NEAR * sigma]
        sigma = max(_SIGMA_PER_MAD * float(np.median(near)), rounding)
        tukey = np.clip(1 - (residual / (_TUKEY * sigma)) ** 2, 0, None) ** 2
        fit = _solve(x, y, w * tukey, shift)
    return replace(fit, inliers=float(np.mean(tukey > 0)))


def _samples(
    predicted: npt.ArrayLike, target: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the samples with weight, as checked arrays."""
    x, y = np.asarray(predicted, np.float64), np.asarray(target, np.float64)
    w = np.ones(x.shape) if weights is None else np.asarray(weights, np.float64)
    if x.ndim != 1 or not x.shape == y.shape == w.shape:
        raise ScaleError(
            f"predicted, target and weights are {x.shape}, {y.shape} and {w.shape}, "
            "expected one dimension and equal lengths"
        )
    for name, values in (("predicted", x), ("target", y), ("weights", w)):
        if not np.isfinite(values).all():
            raise ScaleError(f"{name} holds {values[~np.isfinite(values)][0]}, expected finite")
    if (w < 0).any():
        raise ScaleError(f"weights hold {w.min()}, expected none below 0")
    used = w > 0
    if used.sum() < MIN_SAMPLES:
        raise ScaleError(f"{used.sum()} samples have weight, expected at least {MIN_SAMPLES}")
    return x[used], y[used], w[used]


def _solve(x: FloatArray, y: FloatArray, w: FloatArray, shift: bool) -> Fit:
    """Solve the normal equations about the weighted means, where they are well conditioned."""
    total = w.sum()
    mean_x, mean_y = (w @ x / total, w @ y / total) if shift else (0.0, 0.0)
    dx, dy = x - mean_x, y - mean_y
    square = w @ dx**2
    if not square > total * (_MIN_SPREAD * np.abs(x[w > 0]).max()) ** 2:
        raise ScaleError(f"predicted is {x[w > 0][0]} everywhere, expected values that differ")
    scale = (w @ (dx * dy)) / square
    freedom = np.count_nonzero(w) - (2 if shift else 1)
    variance = w @ (dy - scale * dx) ** 2 / freedom
    covariance = np.zeros((2, 2))
    covariance[0, 0] = variance / square
    if shift:
        covariance[0, 1] = covariance[1, 0] = -mean_x * variance / square
        covariance[1, 1] = variance / total + mean_x**2 * variance / square
    return Fit(float(scale), float(mean_y - scale * mean_x), covariance, inliers=1.0)


def _best_hypothesis(
    x: FloatArray,
    y: FloatArray,
    root: FloatArray,
    shift: bool,
    rng: np.random.Generator,
    rounding: float,
) -> Fit:
    """Return the line through two samples (or the origin and one) with the most support."""
    count = len(x)
    first = rng.integers(count, size=_HYPOTHESES)
    second = (first + rng.integers(1, count, size=_HYPOTHESES)) % count
    x0, y0 = (x[second], y[second]) if shift else (0.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        scales = (y[first] - y0) / (x[first] - x0)
        shifts = y0 - scales * x0
    usable = np.isfinite(scales) & np.isfinite(shifts)
    if not usable.any():
        raise ScaleError(f"predicted is {x[0]} almost everywhere, expected values that differ")
    scales, shifts = scales[usable, None], shifts[usable, None]
    scored = rng.permutation(count)[:_SCORED]
    residuals = root[scored] * np.abs(y[scored] - scales * x[scored] - shifts)
    # The least median estimates the noise. But if most samples are at one point, any line through
    # it has a small median; the right line also explains most of the other samples.
    cut = _NEAR * _SIGMA_PER_MAD * np.median(residuals, axis=1).min()
    best = np.argmin(np.sum(np.minimum(residuals, max(cut, rounding)) ** 2, axis=1))
    return Fit(float(scales[best, 0]), float(shifts[best, 0]), np.zeros((2, 2)), inliers=1.0)


def _rounding(values: FloatArray) -> float:
    """Return the size of residuals that are rounding only, more than 0."""
    return max(_ROUNDING * float(np.abs(values).max()), sys.float_info.min)


def _positive(fit: Fit) -> Fit:
    """Return a fit, or raise ScaleError if its scale is not clearly positive."""
    sigma = math.sqrt(fit.covariance[0, 0])
    if not fit.scale > _CLEARLY * sigma:
        raise ScaleError(
            f"the best scale is {fit.scale:.3g} with a deviation of {sigma:.3g}, "
            "expected clearly positive"
        )
    return fit
