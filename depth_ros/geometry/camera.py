"""The calibrated camera: intrinsics, lens model, image size, and the viewing ray of every pixel.

Pixel centres have integer coordinates (REP 104, as in image_geometry and OpenCV): the image spans
[-0.5, width - 0.5]. Camera frames are optical frames (REP 103): x right, y down, z forward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import get_args

import numpy as np
import numpy.typing as npt

from depth_ros.errors import CameraError
from depth_ros.geometry import lens
from depth_ros.geometry.lens import COEFFICIENTS, Floats, Lens

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
        expected = COEFFICIENTS[self.lens]
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

    def subsample(self, step: int) -> Camera:
        """Return the camera of every step-th pixel and row of the image, from the first on."""
        return replace(
            self,
            width=math.ceil(self.width / step),
            height=math.ceil(self.height / step),
            fx=self.fx / step,
            fy=self.fy / step,
            cx=self.cx / step,
            cy=self.cy / step,
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
            distorted = lens.distort(self.lens, self.coefficients, xyz[..., :2] / z[..., None])
        return distorted * (self.fx, self.fy) + (self.cx, self.cy)

    def unproject(self, pixels: npt.ArrayLike) -> Floats:
        """Return the viewing rays (..., 2) of pixels (..., 2), as x/z and y/z.

        Pixels that the lens model maps to no ray in front of the camera give NaN.
        """
        distorted = (np.asarray(pixels, np.float64) - (self.cx, self.cy)) / (self.fx, self.fy)
        return lens.undistort(self.lens, self.coefficients, distorted)

    def rays(self) -> npt.NDArray[np.float32]:
        """Return the viewing ray of every pixel: float32 (height, width, 2), x/z and y/z.

        A point seen at a pixel with z-depth d is (d * x/z, d * y/z, d). The table is read-only and
        cached per camera. Pixels without a ray in front of the camera hold NaN.
        """
        return _ray_table(self)


@lru_cache(maxsize=_RAY_TABLES)
def _ray_table(camera: Camera) -> npt.NDArray[np.float32]:
    table = np.empty((camera.height, camera.width, 2), np.float32)
    rows = max(1, _RAYS_AT_ONCE // camera.width)
    for top in range(0, camera.height, rows):
        v, u = np.mgrid[top : min(top + rows, camera.height), : camera.width]
        table[top : top + rows] = camera.unproject(np.stack([u, v], axis=-1))
    table.flags.writeable = False
    return table
