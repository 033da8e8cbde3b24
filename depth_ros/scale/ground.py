"""Metric scale from the ground plane and the camera's known height.

On the ground z-depth is h / (n . r) for a viewing ray r = (x/z, y/z, 1), the camera's height h and
the unit vector n that points down. So the depth of every pixel below the horizon is known if it
sees the ground, and these depths are a linear function of the network's output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError
from depth_ros.scale.fit import Fit, least_squares

_SAMPLES = 800
_HYPOTHESES = 250
# Of depth: more than the noise of good networks, less than the height of a kerb or a thin rug.
_TOLERANCE = 0.06
_REFINEMENTS = 4
# Rays closer to the horizon see ground too far away for any network; at least this share of the
# image must see nearer ground.
_FARTHEST_HEIGHTS = 10.0
_LEAST_VIEW = 0.05
# Conditions for a fit: this share of the pixels below the horizon lies on one plane, few lie below
# it (otherwise it is a table), and depths spread enough to distinguish a floor from a wall.
_LEAST_SHARE = 0.2
_MOST_BELOW = 0.1
_LEAST_SPREAD = 1.25
_MOST_DEVIATION = 0.02
_MOST_TILT_DEG = 15.0
# Width of the Cauchy prior of a metric network's own log scale: of two planes with equal support,
# the one at about the network's own distance is the floor, and the other one a table or an error.
_PRIOR = 0.3
# Weight of the mount's angles against the tilt of the fitted plane: a network's errors are smooth
# over the image, so that its many pixels count as a few independent ones.
_MOUNT_DEG = 3.0
_INDEPENDENT = 20


@dataclass(frozen=True)
class Mount:
    """A camera's pose relative to the ground.

    Attributes:
        height_m: the optical centre's height.
        down: unit vector to the ground in the camera's optical frame (REP 103).

    Raises:
        ScaleError: the height is not positive.
    """

    height_m: float
    down: tuple[float, float, float]

    @property
    def reach_m(self) -> float:
        """Depth up to which ground is used; beyond, a relative prediction is extrapolated."""
        return _FARTHEST_HEIGHTS * self.height_m

    def __post_init__(self) -> None:
        if not 0 < self.height_m < math.inf:
            raise ScaleError(f"camera height is {self.height_m} m, expected more than 0")

    @classmethod
    def from_angles(cls, height_m: float, pitch_down_deg: float, roll_deg: float) -> Mount:
        """Return the mount of a camera pitched down, then rolled clockwise (REP 103: about x)."""
        pitch, roll = math.radians(pitch_down_deg), math.radians(roll_deg)
        down = (math.cos(pitch) * math.sin(roll), math.cos(pitch) * math.cos(roll), math.sin(pitch))
        return cls(height_m, down)

    @classmethod
    def from_transform(cls, base_from_optical: FloatArray, offset_m: float = 0.0) -> Mount:
        """Return the mount from the 4x4 transform to a frame whose z points up.

        Args:
            base_from_optical: transforms points of the camera's optical frame.
            offset_m: height of that frame's origin above the ground.
        """
        x, y, z = -base_from_optical[2, :3]
        height_m = float(base_from_optical[2, 3]) + offset_m
        return cls(height_m, (float(x), float(y), float(z)))


def find_ground(values: Tensor, kind: str, rays: Tensor, mount: Mount) -> Fit:
    """Fit the metric scale of a prediction: depth or inverse depth is scale * value + shift.

    For metric depth the plane is searched near the mount's direction, and its distance gives the
    scale: the mount's angles may be wrong by several degrees. Planes near the network's own metres
    are preferred. For relative depth the tilt of the plane and the shift cannot be told apart, so
    the mount's angles are used as they are.

    Args:
        values: (H, W) on any device; NaN and infinity are ignored.
        kind: metric_depth (scale only), affine_depth, or affine_inverse_depth, which is fitted to
            metric inverse depth.
        rays: (H, W, 2) viewing rays, see Camera.rays(), on any device.
        mount: the camera's height and the direction of the ground.

    Returns:
        The fit; its inliers are the share of the pixels below the horizon that lie on the ground.

    Raises:
        ScaleError: no plane is convincing; the message contains the best one's figures.
    """
    value, ray = _sample(values, rays, mount)
    if kind == "metric_depth":
        return _metric(value, ray, mount)
    ground = ray @ np.array(mount.down) / mount.height_m
    target = ground if kind == "affine_inverse_depth" else 1 / ground
    return _affine(value, target, inverse=kind == "affine_inverse_depth")


def _sample(values: Tensor, rays: Tensor, mount: Mount) -> tuple[FloatArray, FloatArray]:
    """Return some values (N,) below the horizon and their rays (N, 3), evenly over the image."""
    height, width = values.shape
    step = max(1, math.isqrt(height * width // (2 * _SAMPLES)))
    few = torch.cat([values[::step, ::step, None], rays[::step, ::step].to(values.device)], -1)
    table = few.reshape(-1, 3).cpu().numpy().astype(np.float64)
    value, ray = table[:, 0], np.column_stack([table[:, 1:], np.ones(len(table))])
    # NaN compares false; the last condition limits the distance of the ground.
    visible = np.isfinite(value) & (ray @ np.array(mount.down) > 1 / _FARTHEST_HEIGHTS)
    if visible.mean() < _LEAST_VIEW:
        raise ScaleError(
            f"{visible.mean():.0%} of the image may see ground nearer than {_FARTHEST_HEIGHTS:g} "
            f"camera heights, expected {_LEAST_VIEW:.0%}: does the camera look up?"
        )
    return value[visible], ray[visible]


def _metric(depth_m: FloatArray, ray: FloatArray, mount: Mount) -> Fit:
    """Fit a plane near the mount's: inverse depth is linear in the ray."""
    positive = depth_m > 0
    if not positive.any():
        raise ScaleError("nothing below the horizon has positive depth, expected the ground")
    inverse, ray = 1 / depth_m[positive], ray[positive]
    planes = _planes(inverse, ray, mount)
    on, below = _judge(inverse[:, None], ray @ planes.T)
    scales = mount.height_m * np.linalg.norm(planes, axis=1)
    prior = 1 / (1 + (np.log(scales) / _PRIOR) ** 2)
    plane = planes[np.argmax((on.sum(0) - below.sum(0)) * prior)]
    for _ in range(_REFINEMENTS):
        near, _ = _judge(inverse, ray @ plane)
        plane = _refine(inverse, ray, near, plane, mount)
    near, under = _judge(inverse, ray @ plane)
    length = float(np.linalg.norm(plane))
    _check_tilt(plane / length, mount)
    fit = least_squares(
        inverse[near > 0], (ray @ plane)[near > 0], inverse[near > 0] ** -2.0, False
    )
    scale = mount.height_m * length
    covariance = fit.covariance * scale**2
    return _convincing(Fit(scale, 0.0, covariance, 0.0), near, under, inverse)


def _planes(inverse: FloatArray, ray: FloatArray, mount: Mount) -> FloatArray:
    """Return planes (K, 3), inverse depth over ray, through three samples each, near the mount's.

    Samples further down in the image are drawn more often, because the ground is there.
    """
    down = np.array(mount.down)
    three = _draw(ray @ down, 3)
    matrices = ray[three]
    usable = np.abs(np.linalg.det(matrices)) > 1e-9
    planes = np.linalg.solve(matrices[usable], inverse[three[usable], None])[..., 0]
    length = np.linalg.norm(planes, axis=1)
    facing = planes @ down > length * math.cos(math.radians(_MOST_TILT_DEG))
    if not facing.any():
        raise ScaleError("no plane of the prediction faces up, expected the ground")
    return np.asarray(planes[facing], np.float64)


def _refine(
    inverse: FloatArray, ray: FloatArray, near: FloatArray, plane: FloatArray, mount: Mount
) -> FloatArray:
    """Return the plane (3,) that fits the samples near it and, if undetermined, the mount."""
    across = np.linalg.svd(np.array([mount.down]))[2][1:]
    straight = across / np.linalg.norm(plane) / math.radians(_MOUNT_DEG)
    weights = np.sqrt(near * _INDEPENDENT / max(near.sum(), 1e-9)) / inverse / _TOLERANCE
    rows = np.vstack([ray * weights[:, None], straight])
    refined: FloatArray = np.linalg.lstsq(rows, np.append(inverse * weights, (0, 0)))[0]
    return refined


def _affine(value: FloatArray, target: FloatArray, inverse: bool) -> Fit:
    """Fit the line target = scale * value + shift to the samples on the ground."""
    first, second = _draw(target if inverse else 1 / target, 2).T
    with np.errstate(all="ignore"):
        scales = (target[second] - target[first]) / (value[second] - value[first])
    usable = np.isfinite(scales) & (scales > 0)
    if not usable.any():
        raise ScaleError("depth below the horizon does not decrease downwards, expected the ground")
    scales = scales[usable]
    shifts = target[first[usable]] - scales * value[first[usable]]

    def judge(scale: FloatArray, shift: FloatArray) -> tuple[FloatArray, FloatArray]:
        line = scale * value[:, None] + shift
        return _judge(line, target[:, None]) if inverse else _judge(1 / line, 1 / target[:, None])

    with np.errstate(divide="ignore"):
        on, below = judge(scales, shifts)
        best = int(np.argmax(on.sum(0) - below.sum(0)))
        near, under = judge(scales[best], shifts[best])
        for _ in range(_REFINEMENTS):
            fit = least_squares(value, target, near[:, 0] / target**2)
            near, under = judge(np.array(fit.scale), np.array(fit.shift))
    return _convincing(fit, near[:, 0], under[:, 0], target)


def _draw(nearness: FloatArray, count: int) -> npt.NDArray[np.int64]:
    """Return hypotheses (K, count) of sample indices, drawn in proportion to nearness."""
    rng = np.random.default_rng(0)
    return rng.choice(len(nearness), (_HYPOTHESES, count), p=nearness / nearness.sum())


def _judge(inverse: FloatArray, ground: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how well samples fit the ground, 0 to 1, and whether they are below it, 0 or 1."""
    residual = (inverse - ground) / np.abs(ground) / _TOLERANCE
    return np.clip(1 - residual**2, 0, 1), (residual < -2).astype(np.float64)


def _check_tilt(normal: FloatArray, mount: Mount) -> None:
    tilt_deg = math.degrees(math.acos(np.clip(normal @ np.array(mount.down), -1, 1)))
    if tilt_deg > _MOST_TILT_DEG:
        raise ScaleError(
            f"the ground found is tilted by {tilt_deg:.0f} degrees against the camera's mount, "
            f"expected at most {_MOST_TILT_DEG:g}"
        )


def _convincing(fit: Fit, near: FloatArray, below: FloatArray, depths: FloatArray) -> Fit:
    """Return a fit with its share of pixels on the ground, if it is convincing."""
    on = near > 0
    share, under = float(on.mean()), float(below.mean())
    spread = float(np.divide(*np.percentile(depths[on], (95, 5)))) if on.any() else 0.0
    found = (
        f"{share:.0%} of the pixels below the horizon on a plane, {under:.0%} beneath it, "
        f"depths spread by {spread:.2f}, scale uncertain by {fit.deviation:.0%}"
    )
    convincing = share >= _LEAST_SHARE and under <= _MOST_BELOW and spread >= _LEAST_SPREAD
    if not (convincing and fit.deviation <= _MOST_DEVIATION):
        raise ScaleError(f"no convincing ground: {found}")
    return Fit(fit.scale, fit.shift, fit.covariance, share)
