"""Lens models: where a viewing ray lands on the image plane, and which ray landed there.

Rays are x/z and y/z in the camera's optical frame; distorted rays are pixels less the principal
point over the focal length. Both are float64 arrays (..., 2).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

Lens = Literal["none", "plumb_bob", "rational_polynomial", "equidistant"]
Floats = npt.NDArray[np.float64]

COEFFICIENTS: dict[str, tuple[int, ...]] = {
    "none": (0,),
    "plumb_bob": (4, 5),
    "rational_polynomial": (8,),
    "equidistant": (4,),
}
"""How many coefficients each lens model may have."""

_NEWTON_STEPS = 12
_TOLERANCE = 1e-9
_CONVERGED = 1e-12
_BRANCH_SAMPLES = 2001
_TANGENTIAL_STEPS = 2
_BRANCHES = 8


def distort(lens: Lens, coefficients: tuple[float, ...], rays: Floats) -> Floats:
    """Return where rays land on the image plane.

    NaN for rays so far off the axis that the polynomial has turned over: it would fold them back
    into the image.
    """
    if lens == "none":
        return rays
    k = _padded(lens, coefficients)
    reach = np.tan(_central_branch(lens, k)[0][-1])
    seen = np.hypot(rays[..., 0], rays[..., 1]) <= reach
    rays = np.where(seen[..., None], rays, np.nan)
    return _fisheye_distort(rays, k) if lens == "equidistant" else _brown_distort(rays, k)[0]


def undistort(lens: Lens, coefficients: tuple[float, ...], distorted: Floats) -> Floats:
    """Return the rays that land on points of the image plane; NaN where none does."""
    if lens == "none":
        return distorted
    k = _padded(lens, coefficients)
    invert = _fisheye_undistort if lens == "equidistant" else _brown_undistort
    return invert(distorted, k, _central_branch(lens, k))


def _padded(lens: Lens, coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """Return the coefficients, with zeros for those of k1 k2 p1 p2 k3 k4 k5 k6 the lens lacks."""
    missing = 0 if lens == "equidistant" else 8 - len(coefficients)
    return coefficients + (0.0,) * missing


@lru_cache(maxsize=_BRANCHES)
def _central_branch(lens: Lens, k: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return angles off the axis [rad] and the distorted radii they map to, while those increase.

    Further out a strong polynomial turns over, and a second ray lands on the same pixel.
    """
    angles = np.linspace(0, np.pi / 2, _BRANCH_SAMPLES)
    if lens == "equidistant":
        radii, _ = _fisheye_polynomial(angles, k)
    else:
        rays = np.stack([np.tan(angles), np.zeros_like(angles)], axis=-1)
        radial_only = (*k[:2], 0.0, 0.0, *k[4:])
        radii = _brown_distort(rays, radial_only)[0][:, 0]
    turns = np.flatnonzero(np.diff(radii) <= 0)
    end = turns[0] + 1 if turns.size else angles.size
    return angles[:end], radii[:end]


def _brown_distort(rays: Floats, k: tuple[float, ...]) -> tuple[Floats, Floats, Floats, Floats]:
    """Distort rays (..., 2); return them with the Jacobian's xx, xy (= yx) and yy entries.

    Source: OpenCV calib3d, "detailed description", rational model without prism and tilt.
    """
    k1, k2, p1, p2, k3, k4, k5, k6 = k
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
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=-1,
    )
    xx = radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
    xy = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
    yy = radial + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x
    return distorted, xx, xy, yy


def _brown_undistort(
    distorted: Floats, k: tuple[float, ...], branch: tuple[Floats, Floats]
) -> Floats:
    """Invert _brown_distort by Newton's method; NaN where no ray of its central branch fits."""
    # Newton's method needs a start on the right branch, and near the answer where that ends.
    tangential_only = (0.0, 0.0, *k[2:4], 0.0, 0.0, 0.0, 0.0)
    rays = _radial_undistort(distorted, branch)
    with np.errstate(all="ignore"):
        for _ in range(_TANGENTIAL_STEPS):
            tangential = _brown_distort(rays, tangential_only)[0] - rays
            rays = _radial_undistort(distorted - tangential, branch)
        for _ in range(_NEWTON_STEPS):
            image, xx, xy, yy = _brown_distort(rays, k)
            dx, dy = np.moveaxis(distorted - image, -1, 0)
            determinant = xx * yy - xy * xy
            step = np.stack([yy * dx - xy * dy, xx * dy - xy * dx], axis=-1)
            step /= determinant[..., None]
            rays = rays + step
            if not (np.abs(step) > _CONVERGED).any():
                break
        residual = np.abs(_brown_distort(rays, k)[0] - distorted).max(axis=-1)
        good = residual < _TOLERANCE
        good &= np.hypot(rays[..., 0], rays[..., 1]) <= np.tan(branch[0][-1])
    return np.where(good[..., None], rays, np.nan)


def _radial_undistort(distorted: Floats, branch: tuple[Floats, Floats]) -> Floats:
    """Invert the radial distortion by table, to within its steps."""
    angles, radii = branch
    radius = np.hypot(distorted[..., 0], distorted[..., 1])
    return distorted * _ratio(np.tan(np.interp(radius, radii, angles)), radius)[..., None]


def _ratio(numerator: Floats, radius: Floats) -> Floats:
    """Return numerator / radius, and 1 on the axis."""
    return np.divide(numerator, radius, out=np.ones_like(radius), where=radius > 0)


def _fisheye_polynomial(theta: Floats, k: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return the distorted angle and its derivative (OpenCV fisheye, equidistant of REP 104)."""
    t2 = theta * theta
    k1, k2, k3, k4 = k
    distorted = theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
    slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
    return distorted, slope


def _fisheye_distort(rays: Floats, k: tuple[float, ...]) -> Floats:
    radius = np.hypot(rays[..., 0], rays[..., 1])
    distorted, _ = _fisheye_polynomial(np.arctan(radius), k)
    return rays * _ratio(distorted, radius)[..., None]


def _fisheye_undistort(
    distorted: Floats, k: tuple[float, ...], branch: tuple[Floats, Floats]
) -> Floats:
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
