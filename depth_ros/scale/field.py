"""A correction of log depth that varies smoothly over the image and over depth.

A network's error is not one scale factor only: it differs near the image edges, on one side of a
room and far away. Anchors all over the image measure this error, and the field corrects it:
log depth = log of the line (fit.Fit) + bilinear grid over the image + piecewise linear curve over
the line's own log depth. A ridge penalises differences between neighbours, so that without
evidence the field is one scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError

_ROWS, _COLUMNS, _KNOTS = 6, 8, 4
_LEAST_KNOTS = 2
_RIDGES = (0.1, 1.0, 10.0)  # penalty of a step between neighbours; samples have weight 1
_TOWARDS_ZERO = 0.02  # share of a ridge that pulls an undetermined field to 0
_LEAST_CELLS = 0.5  # share of the grid's cells with anchors: one scan line does not suffice
_LEAST_ANCHORS = 40
_FOLDS = 5
_CLEARLY = 0.95  # of one scale's error: a smaller gain may be chance
_ROUNDS = 4
_SIGMA_PER_MAD = 1.4826
_HUBER = 1.345  # standard deviations: 95 % efficient on Gaussian noise
_LEAST_SIGMA = 1e-6  # of log depth: less is rounding
_INSIDE = (2, 98)  # percentiles of anchors' depth that the curve's knots span


@dataclass(frozen=True, eq=False)
class Field:
    """A smooth depth factor for each pixel.

    Attributes:
        grid: (rows, columns) log factors at points evenly over the image, corners included.
        curve: (knots,) log factors at depths evenly spaced in log depth.
        near, far: log depth [log m] of the first and last knot; the curve is constant beyond them.
    """

    grid: FloatArray
    curve: FloatArray
    near: float
    far: float

    def as_list(self) -> list[Any]:
        """Return it in JSON types."""
        return [self.grid.tolist(), self.curve.tolist(), self.near, self.far]

    @classmethod
    def from_list(cls, values: Any) -> Field:
        """Return the field from the result of as_list().

        Raises:
            ScaleError: values are not such a result.
        """
        try:
            grid, curve, near, far = values
            field = cls(np.array(grid, float), np.array(curve, float), float(near), float(far))
            numbers = np.concatenate([field.grid.ravel(), field.curve, [near, far]])
        except (TypeError, ValueError) as error:
            raise ScaleError(f"{str(values)[:80]} is not a scale field: {error}") from error
        flat = (field.grid.ndim, field.curve.ndim) != (2, 1) or len(field.curve) < _LEAST_KNOTS
        if flat or not field.grid.size or not np.isfinite(numbers).all() or not near < far:
            raise ScaleError(f"{str(values)[:80]} is not a scale field")
        return field

    def corrected(self, line: Tensor, inverse: bool, send: Callable[[Tensor], Tensor]) -> Tensor:
        """Return depth, or inverse depth, multiplied by its factors: (H, W), on the same device.

        Args:
            line: (H, W) metres or 1/metres; NaN, infinity and values that are not positive stay
                unchanged.
            inverse: whether it is inverse depth.
            send: copies a float32 CPU tensor to the device of line.
        """
        packed = np.concatenate([self.grid.ravel(), self._slopes()])
        numbers = send(torch.from_numpy(packed.astype(np.float32)))
        grid = numbers[: self.grid.size].view(1, 1, *self.grid.shape)
        log_factor = torch.nn.functional.interpolate(
            grid, line.shape, mode="bilinear", align_corners=True
        )[0, 0]
        log_depth = line.float().clamp_min(torch.finfo(torch.float32).tiny).log_()
        knots = len(self.curve) - 1
        step = (self.far - self.near) / knots * (-1 if inverse else 1)
        place = log_depth.sub_(-self.near if inverse else self.near).div_(step).clamp_(0, knots)
        # Piecewise linear: sum of slope changes at each knot times distance beyond the knot.
        for knot, change in enumerate(numbers[self.grid.size + 1 :].unbind()):
            log_factor = torch.addcmul(log_factor, (place - knot).clamp_min_(0), change)
        log_factor = log_factor + numbers[self.grid.size]
        return line * (-log_factor if inverse else log_factor).exp_()

    def _slopes(self) -> FloatArray:
        """Return the curve's first value, and the change of slope at each knot but the last."""
        slopes = np.diff(self.curve)
        return np.concatenate([self.curve[:1], np.diff(slopes, prepend=0.0)])


@dataclass(frozen=True)
class _Samples:
    """Anchors for the fit: place (N, 2) is u and v from 0 to 1; logarithms are (N,)."""

    place: FloatArray
    log_line: FloatArray
    log_ratio: FloatArray

    def __len__(self) -> int:
        return len(self.log_line)


def fit_field(
    pixels: FloatArray, line_m: FloatArray, depth_m: FloatArray, size: tuple[int, int]
) -> Field | None:
    """Fit a field to anchors; None if cross-validation does not prefer it to one scale.

    The anchors are split by parts of the image, so that a field is validated where it had no
    anchors. Candidates are the curve alone, which also corrects a wrong shift, and curve and grid
    together, each with several ridges. The error is the mean absolute error of log depth, which is
    robust to a few wrong anchors.

    Args:
        pixels: (N, 2) u and v.
        line_m: (N,) depth of the fitted line; anchors with other than positive finite values are
            left out.
        depth_m: (N,) measured depth.
        size: width and height of the image.
    """
    samples = _samples(pixels, line_m, depth_m, size)
    if len(samples) < _LEAST_ANCHORS:
        return None
    near, far = np.percentile(samples.log_line, _INSIDE)
    if not far - near > _LEAST_SIGMA:
        return None
    cells = _cells(samples.place)
    fold = _folds(cells)
    whole = len(np.unique(cells)) >= _LEAST_CELLS * _ROWS * _COLUMNS
    best = _CLEARLY * float(np.abs(samples.log_ratio).mean())
    chosen: FloatArray | None = None
    for columns in (_CURVE, _BOTH)[: 1 + whole]:
        basis, rough = _basis(samples, near, far)[:, columns], _ROUGHNESS[columns, columns]
        error, ridge = _validated(basis, samples.log_ratio, fold, rough)
        if error < best:
            best, chosen = error, np.zeros(len(_ROUGHNESS))
            chosen[columns], _ = _solve(basis, samples.log_ratio, ridge * rough)
    if chosen is None:
        return None
    grid, curve = np.split(chosen, [_ROWS * _COLUMNS])
    return Field(grid.reshape(_ROWS, _COLUMNS), curve, float(near), float(far))


def _samples(
    pixels: FloatArray, line_m: FloatArray, depth_m: FloatArray, size: tuple[int, int]
) -> _Samples:
    """Return the anchors that have a depth on the line."""
    known = np.isfinite(line_m) & (line_m > 0)
    log_line = np.log(line_m[known])
    place = np.clip(pixels[known] / np.maximum(np.subtract(size, 1), 1), 0, 1)
    return _Samples(place, log_line, np.log(depth_m[known]) - log_line)


def _roughness(index: npt.NDArray[np.int64]) -> FloatArray:
    """Return the matrix (K, K) of the squared steps between the neighbours of a grid (h, w)."""
    pairs = [(index[1:], index[:-1]), (index[:, 1:], index[:, :-1])]
    first, second = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))
    steps = np.eye(index.size)[first] - np.eye(index.size)[second]
    rough: FloatArray = steps.T @ steps + _TOWARDS_ZERO * np.eye(index.size)
    return rough


def _all_roughness() -> FloatArray:
    nodes = _ROWS * _COLUMNS
    both = np.zeros((nodes + _KNOTS, nodes + _KNOTS))
    both[:nodes, :nodes] = _roughness(np.arange(nodes).reshape(_ROWS, _COLUMNS))
    both[nodes:, nodes:] = _roughness(np.arange(_KNOTS)[None])
    return both


def _basis(samples: _Samples, near: float, far: float) -> FloatArray:
    """Return the weight of each grid node and curve knot at each sample: (N, K)."""
    across, down = (_hats(samples.place[:, i], n) for i, n in enumerate((_COLUMNS, _ROWS)))
    grid = (down[:, :, None] * across[:, None, :]).reshape(len(samples), -1)
    along = np.clip((samples.log_line - near) / (far - near), 0, 1)
    return np.hstack([grid, _hats(along, _KNOTS)])


def _hats(place: FloatArray, count: int) -> FloatArray:
    """Return the weights (N, count) of linear interpolation at places of 0 to 1."""
    weights: FloatArray = np.maximum(1 - np.abs(place[:, None] * (count - 1) - np.arange(count)), 0)
    return weights


def _cells(place: FloatArray) -> npt.NDArray[np.int64]:
    """Return the index of the grid cell that contains each sample."""
    u, v = np.minimum((place * (_COLUMNS, _ROWS)).astype(np.int64), (_COLUMNS - 1, _ROWS - 1)).T
    return np.asarray(v * _COLUMNS + u, np.int64)


def _folds(cells: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the cross-validation fold of each sample; a cell's samples share one fold."""
    fold_of_cell = np.random.default_rng(0).permutation(_ROWS * _COLUMNS) % _FOLDS
    return fold_of_cell[cells]


def _validated(
    basis: FloatArray, log_ratio: FloatArray, fold: npt.NDArray[np.int64], rough: FloatArray
) -> tuple[float, float]:
    """Return the least mean error of log depth at left-out anchors, and its ridge."""
    _, huber = _solve(basis, log_ratio, _RIDGES[1] * rough)
    outs = [out for out in (fold == each for each in range(_FOLDS)) if out.any()]
    parts = [_normal(basis[out], log_ratio[out], huber[out]) for out in outs]
    matrix, vector = (sum(part[i] for part in parts) for i in (0, 1))
    errors = []
    for ridge in _RIDGES:
        residuals = [
            log_ratio[out] - basis[out] @ np.linalg.solve(matrix - m + ridge * rough, vector - v)
            for out, (m, v) in zip(outs, parts, strict=True)
        ]
        errors.append((float(np.abs(np.concatenate(residuals)).mean()), ridge))
    return min(errors)


def _solve(
    basis: FloatArray, log_ratio: FloatArray, punish: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return coefficients (K,) and Huber weights (N,) of reweighted ridge regression."""
    huber = np.ones(len(basis))
    for _ in range(_ROUNDS):
        matrix, vector = _normal(basis, log_ratio, huber)
        weights = np.asarray(np.linalg.solve(matrix + punish, vector), np.float64)
        residual = np.abs(log_ratio - basis @ weights)
        sigma = max(_SIGMA_PER_MAD * float(np.median(residual)), _LEAST_SIGMA)
        huber = 1 / np.maximum(1, residual / (_HUBER * sigma))
    return weights, huber


def _normal(
    basis: FloatArray, log_ratio: FloatArray, huber: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return matrix (K, K) and vector (K,) of the normal equations."""
    weighted = basis.T * huber
    return weighted @ basis, weighted @ log_ratio


_CURVE, _BOTH = slice(_ROWS * _COLUMNS, None), slice(None)
_ROUGHNESS = _all_roughness()
