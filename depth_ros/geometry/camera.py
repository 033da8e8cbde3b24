"""The calibrated camera: intrinsics, lens model, image size, and the viewing ray of every pixel.

Pixel centres have integer coordinates (REP 104, as in image_geometry and OpenCV): the image spans
[-0.5, width - 0.5]. Camera frames are optical frames (REP 103): x right, y down, z forward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from depth_ros.errors import CameraError

Lens = Literal["none", "plumb_bob", "rational_polynomial", "equidistant"]
Floats = npt.NDArray[np.float64]

_COEFFICIENTS: dict[str, tuple[int, ...]] = {
    "none": (0,),
    "plumb_bob": (4, 5),
    "rational_polynomial": (8,),
    "equidistant": (4,),
}
_NEWTON_STEPS = 12
_TOLERANCE = 1e-9
_CONVERGED = 1e-12
_BRANCH_SAMPLES = 2001
_TANGENTIAL_STEPS = 2
_RAY_TABLES = 8
_RAYS_AT_ONCE = 1 << 14  # a block of rays whose temporaries stay in the processor's cache


@dataclass(frozen=True)
class Camera:
    """A calibrated camera for images of exactly width x height pixels.

    Attributes:
        width, height: image size in pixels.
        fx, fy, cx, cy: pinhole intrinsics in pixels (K of sensor_msgs/CameraInfo).
        lens: distortion model: none, or one of REP 104's plumb_bob (Brown-Conrady),
            rational_polynomial, equidistant (Kannala-Brandt).
        coefficients: distortion coefficients in OpenCV's order: k1 k2 p1 p2 [k3 [k4 k5 k6]], or
            k1 k2 k3 k4 for equidistant.

    Raises:
        CameraError: the size or focal length is not positive, a value is not finite, or the lens
            model is unknown or has the wrong number of coefficients.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    lens: Lens = "none"
    coefficients: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise CameraError(f"image size is {self.width}x{self.height}, expected positive")
        if not (self.fx > 0 and self.fy > 0):
            raise CameraError(
                f"focal length is ({self.fx}, {self.fy}) px, expected positive: "
                "is the camera calibrated?"
            )
        numbers = (self.fx, self.fy, self.cx, self.cy, *self.coefficients)
        if not all(math.isfinite(number) for number in numbers):
            raise CameraError(f"intrinsics {numbers} are not all finite")
        self._check_lens()

    def _check_lens(self) -> None:
        if self.lens not in get_args(Lens):
            known = ", ".join(get_args(Lens))
            raise CameraError(f"lens model '{self.lens}' is unknown, expected one of: {known}")
        expected = _COEFFICIENTS[self.lens]
        if len(self.coefficients) not in expected:
            raise CameraError(
                f"lens model '{self.lens}' has {len(self.coefficients)} coefficients, "
                f"expected {' or '.join(map(str, expected))}"
            )

    @classmethod
    def from_fov(cls, width: int, height: int, fov_deg: float) -> Camera:
        """Return an undistorted camera with square pixels and a horizontal field of view."""
        if not 0 < fov_deg < 180:
            raise CameraError(f"fov_deg is {fov_deg}, expected between 0 and 180")
        f_px = width / 2 / math.tan(math.radians(fov_deg) / 2)
        return cls(width, height, f_px, f_px, (width - 1) / 2, (height - 1) / 2)

    @property
    def f_px(self) -> float:
        """The focal length in pixels, as one number: the geometric mean of fx and fy."""
        return math.sqrt(self.fx * self.fy)

    @property
    def matrix(self) -> Floats:
        """The 3x3 intrinsic matrix K."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]])

    @property
    def fov_deg(self) -> tuple[float, float]:
        """The full horizontal and vertical field of view through the image centre, in degrees."""
        middle = ((self.width - 1) / 2, (self.height - 1) / 2)
        edges_px = np.array(
            [
                (-0.5, middle[1]),
                (self.width - 0.5, middle[1]),
                (middle[0], -0.5),
                (middle[0], self.height - 0.5),
            ]
        )
        left, right, top, bottom = np.degrees(np.arctan(self.unproject(edges_px)))
        return float(right[0] - left[0]), float(bottom[1] - top[1])

    def scale(self, width: int, height: int) -> Camera:
        """Return the camera of the same image resized to width x height pixels."""
        sx, sy = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=(self.cx + 0.5) * sx - 0.5,
            cy=(self.cy + 0.5) * sy - 0.5,
        )

    def crop(self, x: int, y: int, width: int, height: int) -> Camera:
        """Return the camera of the image cut to width x height pixels from corner (x, y).

        Raises:
            CameraError: the rectangle does not lie inside the image.
        """
        inside = min(x, y) >= 0 and x + width <= self.width and y + height <= self.height
        if not inside or width <= 0 or height <= 0:
            raise CameraError(
                f"crop {width}x{height}+{x}+{y} does not lie in "
                f"the {self.width}x{self.height} image"
            )
        return replace(self, width=width, height=height, cx=self.cx - x, cy=self.cy - y)

    def project(self, points: npt.ArrayLike) -> Floats:
        """Project points (..., 3) of the optical frame to pixels (..., 2).

        Points at or behind the camera's plane give NaN. So do points so far off the axis that the
        lens polynomial has turned over: it would fold them back into the image.
        """
        xyz = np.asarray(points, np.float64)
        z = np.where(xyz[..., 2] > 0, xyz[..., 2], np.nan)
        with np.errstate(over="ignore"):
            distorted = self._distort(xyz[..., :2] / z[..., None])
        return distorted * (self.fx, self.fy) + (self.cx, self.cy)

    def unproject(self, pixels: npt.ArrayLike) -> Floats:
        """Return the viewing rays (..., 2) of pixels (..., 2), as x/z and y/z.

        Pixels that the lens model maps to no ray in front of the camera give NaN.
        """
        distorted = (np.asarray(pixels, np.float64) - (self.cx, self.cy)) / (self.fx, self.fy)
        return self._undistort(distorted)

    def rays(self) -> npt.NDArray[np.float32]:
        """Return the viewing ray of every pixel: float32 (height, width, 2), x/z and y/z.

        A point seen at a pixel with z-depth d is (d * x/z, d * y/z, d). The table is read-only and
        cached per camera. Pixels without a ray in front of the camera hold NaN.
        """
        return _ray_table(self)

    def _distort(self, rays: Floats) -> Floats:
        if self.lens == "none":
            return rays
        reach = np.tan(_central_branch(self.lens, self._k)[0][-1])
        seen = np.hypot(rays[..., 0], rays[..., 1]) <= reach
        rays = np.where(seen[..., None], rays, np.nan)
        if self.lens == "equidistant":
            return _fisheye_distort(rays, self._k)
        return _brown_distort(rays, self._k)[0]

    def _undistort(self, distorted: Floats) -> Floats:
        if self.lens == "none":
            return distorted
        branch = _central_branch(self.lens, self._k)
        if self.lens == "equidistant":
            return _fisheye_undistort(distorted, self._k, branch)
        return _brown_undistort(distorted, self._k, branch)

    @property
    def _k(self) -> tuple[float, ...]:
        """The coefficients, with zeros for those of k1 k2 p1 p2 k3 k4 k5 k6 the lens lacks."""
        missing = 0 if self.lens == "equidistant" else 8 - len(self.coefficients)
        return self.coefficients + (0.0,) * missing


@lru_cache(maxsize=_RAY_TABLES)
def _ray_table(camera: Camera) -> npt.NDArray[np.float32]:
    table = np.empty((camera.height, camera.width, 2), np.float32)
    rows = max(1, _RAYS_AT_ONCE // camera.width)
    for top in range(0, camera.height, rows):
        v, u = np.mgrid[top : min(top + rows, camera.height), : camera.width]
        table[top : top + rows] = camera.unproject(np.stack([u, v], axis=-1))
    table.flags.writeable = False
    return table


@lru_cache(maxsize=_RAY_TABLES)
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
