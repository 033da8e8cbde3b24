"""Lens models: from viewing rays to distorted rays in the image plane, and back.

Rays are x/z and y/z in the camera's optical frame; distorted rays are (pixel - principal point) /
focal length. Both are float64 arrays (..., 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np

from depth_ros.arrays import FloatArray

Lens = Literal["none", "plumb_bob", "rational_polynomial", "equidistant"]

COEFFICIENTS: dict[str, tuple[int, ...]] = {
    "none": (0,),
    "plumb_bob": (4, 5),
    "rational_polynomial": (8, 12, 14),
    "equidistant": (4,),
}
"""Allowed numbers of coefficients of each lens model."""

_NEWTON_STEPS = 12
_TOLERANCE = 1e-9
_CONVERGED = 1e-12
_BRANCH_SAMPLES = 2001
_OFF_AXIS_STEPS = 2
_BRANCHES = 8
_COEFFICIENTS = 14  # k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4 tau_x tau_y
_OFF_AXIS = (2, 3, 8, 9, 10, 11)  # p1 p2 and s1 to s4: not symmetric about the axis


def distort(lens: Lens, coefficients: tuple[float, ...], rays: FloatArray) -> FloatArray:
    """Return the distorted rays of rays.

    NaN for rays beyond the maximum of the polynomial, which would fold them back into the image.
    """
    if lens == "none":
        return rays
    k = _padded(lens, coefficients)
    reach = np.tan(_central_branch(lens, k)[0][-1])
    inside = np.hypot(rays[..., 0], rays[..., 1]) <= reach
    rays = np.where(inside[..., None], rays, np.nan)
    if lens == "equidistant":
        return _fisheye_distort(rays, k)
    return _homography(_tilt(*k[12:]), _brown_distort(rays, k)[0])


def undistort(lens: Lens, coefficients: tuple[float, ...], distorted: FloatArray) -> FloatArray:
    """Return the rays of distorted rays; NaN if there is none."""
    if lens == "none":
        return distorted
    k = _padded(lens, coefficients)
    if lens == "equidistant":
        return _fisheye_undistort(distorted, k, _central_branch(lens, k))
    level: FloatArray = np.linalg.inv(_tilt(*k[12:])).astype(np.float64)
    untilted = _homography(level, distorted)
    return _brown_undistort(untilted, k, _central_branch(lens, k))


def _padded(lens: Lens, coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """Return OpenCV's 14 coefficients, with zeros for those that the lens lacks."""
    missing = 0 if lens == "equidistant" else _COEFFICIENTS - len(coefficients)
    return coefficients + (0.0,) * missing


def _only(k: tuple[float, ...], kept: Callable[[int], bool]) -> tuple[float, ...]:
    """Return the coefficients with zeros for those whose index is not kept."""
    return tuple(value if kept(index) else 0.0 for index, value in enumerate(k))


def _tilt(tau_x: float, tau_y: float) -> FloatArray:
    """Return the homography (3x3) of a sensor that is tilted about x and then y [rad].

    Source: OpenCV calib3d, "detailed description", the Scheimpflug principle.
    """
    (sx, cx), (sy, cy) = ((math.sin(tau), math.cos(tau)) for tau in (tau_x, tau_y))
    about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    turned = about_y @ about_x
    (_, _, xz), (_, _, yz), (_, _, zz) = turned
    tilt: FloatArray = np.array([[zz, 0, -xz], [0, zz, -yz], [0, 0, 1]]) @ turned
    return tilt


def _homography(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Map points (..., 2) by a matrix (3, 3); NaN for points behind the plane."""
    if np.array_equal(matrix, np.eye(3)):
        return points
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    flat: FloatArray = mapped[..., :2] / np.where(mapped[..., 2:] > 0, mapped[..., 2:], np.nan)
    return flat


@lru_cache(maxsize=_BRANCHES)
def _central_branch(lens: Lens, k: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    """Return angles off the axis [rad] and their distorted radii, as long as these increase.

    Beyond the maximum of the polynomial, two rays would have the same pixel.
    """
    angles = np.linspace(0, np.pi / 2, _BRANCH_SAMPLES)
    with np.errstate(all="ignore"):  # coefficients may be anything
        if lens == "equidistant":
            radii, _ = _fisheye_polynomial(angles, k)
        else:
            rays = np.stack([np.tan(angles), np.zeros_like(angles)], axis=-1)
            radii = _brown_distort(rays, _only(k, lambda i: i not in _OFF_AXIS))[0][:, 0]
        turns = np.flatnonzero(~(np.diff(radii) > 0))  # also where it is no number
    end = turns[0] + 1 if turns.size else angles.size
    return angles[:end], radii[:end]


def _brown_distort(
    rays: FloatArray, k: tuple[float, ...]
) -> tuple[FloatArray, tuple[FloatArray, FloatArray, FloatArray, FloatArray]]:
    """Distort rays (..., 2); return them with the Jacobian's xx, xy, yx and yy entries.

    Source: OpenCV calib3d, "detailed description", the model with thin prism, without tilt.
    """
    k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4 = k[:12]
    x, y = rays[..., 0], rays[..., 1]
    r2 = x * x + y * y
    top = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    bottom = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
    radial = top / bottom
    top_slope = k1 + r2 * (2 * k2 + r2 * 3 * k3)
    bottom_slope = k4 + r2 * (2 * k5 + r2 * 3 * k6)
    slope = (top_slope - radial * bottom_slope) / bottom
    distorted = np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + r2 * (s1 + r2 * s2),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + r2 * (s3 + r2 * s4),
        ],
        axis=-1,
    )
    # Derivatives of the prism terms by r^2; those of r^2 are 2 x by x and 2 y by y.
    prism_x, prism_y = s1 + 2 * s2 * r2, s3 + 2 * s4 * r2
    shared = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
    xx = radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x + 2 * x * prism_x
    yy = radial + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x + 2 * y * prism_y
    return distorted, (xx, shared + 2 * y * prism_x, shared + 2 * x * prism_y, yy)


def _brown_undistort(
    distorted: FloatArray, k: tuple[float, ...], branch: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Invert _brown_distort by Newton's method; NaN if no ray of its central branch fits."""
    # Newton's method must start on the right branch, and close to the solution near its end.
    off_axis_only = _only(k, _OFF_AXIS.__contains__)
    rays = _radial_undistort(distorted, branch)
    with np.errstate(all="ignore"):
        for _ in range(_OFF_AXIS_STEPS):
            off_axis = _brown_distort(rays, off_axis_only)[0] - rays
            rays = _radial_undistort(distorted - off_axis, branch)
        for _ in range(_NEWTON_STEPS):
            image, (xx, xy, yx, yy) = _brown_distort(rays, k)
            dx, dy = np.moveaxis(distorted - image, -1, 0)
            step = np.stack([yy * dx - xy * dy, xx * dy - yx * dx], axis=-1)
            step /= (xx * yy - xy * yx)[..., None]
            rays = rays + step
            if not (np.abs(step) > _CONVERGED).any():
                break
        residual = np.abs(_brown_distort(rays, k)[0] - distorted).max(axis=-1)
        good = residual < _TOLERANCE
        good &= np.hypot(rays[..., 0], rays[..., 1]) <= np.tan(branch[0][-1])
    return np.where(good[..., None], rays, np.nan)


def _radial_undistort(distorted: FloatArray, branch: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Invert the radial distortion by table, to within its steps."""
    angles, radii = branch
    radius = np.hypot(distorted[..., 0], distorted[..., 1])
    return distorted * _ratio(np.tan(np.interp(radius, radii, angles)), radius)[..., None]


def _ratio(numerator: FloatArray, radius: FloatArray) -> FloatArray:
    """Return numerator / radius, and 1 on the axis."""
    return np.divide(numerator, radius, out=np.ones_like(radius), where=radius > 0)


def _fisheye_polynomial(theta: FloatArray, k: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    """Return the distorted angle and its derivative (OpenCV fisheye, equidistant of REP 104)."""
    t2 = theta * theta
    k1, k2, k3, k4 = k
    distorted = theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
    slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
    return distorted, slope


def _fisheye_distort(rays: FloatArray, k: tuple[float, ...]) -> FloatArray:
    radius = np.hypot(rays[..., 0], rays[..., 1])
    distorted, _ = _fisheye_polynomial(np.arctan(radius), k)
    return rays * _ratio(distorted, radius)[..., None]


def _fisheye_undistort(
    distorted: FloatArray, k: tuple[float, ...], branch: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Invert _fisheye_distort by Newton's method; NaN at 90 degrees from the axis and beyond."""
    angles, radii = branch
    radius = np.hypot(distorted[..., 0], distorted[..., 1])
    theta = np.interp(radius, radii, angles)
    with np.errstate(all="ignore"):
        for _ in range(_NEWTON_STEPS):
            image, slope = _fisheye_polynomial(theta, k)
            step = (radius - image) / slope
            theta = theta + step
            if not (np.abs(step) > _CONVERGED).any():
                break
        image, _ = _fisheye_polynomial(theta, k)
        good = np.abs(image - radius) < _TOLERANCE
        good &= (theta >= 0) & (theta < angles[-1])
        ratio = _ratio(np.tan(theta), radius)
    return np.where(good[..., None], distorted * ratio[..., None], np.nan)
