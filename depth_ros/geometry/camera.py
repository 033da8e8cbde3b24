"""The calibrated camera: its intrinsics, and the viewing ray of every pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray
from depth_ros.errors import CameraError
from depth_ros.geometry import lens
from depth_ros.geometry.intrinsics import Intrinsics, shear, turn
from depth_ros.geometry.lens import Lens

if TYPE_CHECKING:
    from depth_ros.messages.cameras import CameraInfo

_RAY_TABLES = 8
_RAYS_AT_ONCE = 1 << 14  # a block of rays whose temporaries stay in the processor's cache
_MOST_WITHOUT_RAY = 0.2  # more than a fisheye's black corners
_TESTED = 64  # maximum number of columns and rows that are tested for missing rays


@dataclass(frozen=True)
class Camera(Intrinsics):
    """A calibrated camera for images of exactly width x height pixels.

    Attributes:
        width, height: image size in pixels.
        fx, fy, cx, cy: pinhole intrinsics in pixels (K of sensor_msgs/CameraInfo).
        lens: distortion model: none, or one of REP 104's plumb_bob (Brown-Conrady),
            rational_polynomial, equidistant (Kannala-Brandt).
        coefficients: distortion coefficients in OpenCV's order: k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2
            s3 s4 [tau_x tau_y]]]], or k1 k2 k3 k4 for equidistant.
        skew: shear of x per y: K's second entry over fx, OpenCV's alpha.
        turns: quarter turns (clockwise) of the image after the lens and the shear; fx, fy, cx, cy
            are those of the rotated image.

    Raises:
        CameraError: the size or focal length is not positive, a value is not finite, or the lens
            model is unknown or has the wrong number of coefficients, or tilts its sensor by a right
            angle.
    """

    @classmethod
    def from_k(
        cls,
        k: npt.ArrayLike,
        width: int,
        height: int,
        lens: Lens = "none",
        coefficients: Sequence[float] = (),
    ) -> Camera:
        """Return the camera of an intrinsic matrix K.

        >>> Camera.from_k([525.0, 525.0, 319.5, 239.5], 640, 480).fx
        525.0

        Args:
            k: the matrix (3, 3), its 9 numbers row by row, or fx, fy, cx, cy; in pixels.
            width, height: image size in pixels.
            lens, coefficients: see Camera; default: no distortion.

        Raises:
            CameraError: k has another shape or is not an intrinsic matrix; see Camera for others.
        """
        numbers = np.asarray(k, np.float64)
        if numbers.shape == (4,):
            fx, fy, cx, cy = numbers.tolist()
            return cls(width, height, fx, fy, cx, cy, lens, tuple(coefficients))
        if numbers.shape not in ((3, 3), (9,)):
            raise CameraError(f"k has shape {numbers.shape}, expected (3, 3), (9,) or (4,)")
        (fx, sheared, cx), (below, fy, cy), last = numbers.reshape(3, 3).tolist()
        if below != 0 or last != [0, 0, 1]:
            raise CameraError(
                f"k is {numbers.tolist()}, expected [[fx, s, cx], [0, fy, cy], [0, 0, 1]]"
            )
        skew = sheared / fx if fx else 0.0
        return cls(width, height, fx, fy, cx, cy, lens, tuple(coefficients), skew)

    @classmethod
    def from_info(cls, info: CameraInfo, rectified: bool = False) -> Camera:
        """Return the camera of a sensor_msgs/CameraInfo.

        Args:
            info: the message, from rclpy, rosbags or any object with the same fields.
            rectified: whether the image is rectified: then P is used, without distortion.

        Raises:
            CameraError: the camera is not calibrated, or its lens model is not supported.
        """
        from depth_ros.messages.cameras import camera_from_info

        return camera_from_info(info, rectified)

    @classmethod
    def from_yaml(
        cls,
        path: str | Path,
        width: int | None = None,
        height: int | None = None,
        rectified: bool = False,
    ) -> Camera:
        """Return the camera of a calibration file in camera_calibration's format.

        Args:
            path: of the YAML file.
            width, height: size of the images in pixels; a calibration for another size of the same
                aspect ratio is scaled; None: the file's size.
            rectified: see from_info().

        Raises:
            CameraError: the file cannot be read or is not a calibration, only one of width and
                height is given, or the aspect ratios differ.
        """
        from depth_ros import calibration

        if (width is None) != (height is None):
            raise CameraError(f"size is {width}x{height}, expected both or none")
        size = None if width is None or height is None else (width, height)
        return calibration.of_file(Path(path), size, rectified)

    @classmethod
    def from_fov(cls, width: int, height: int, fov_deg: float) -> Camera:
        """Return an undistorted camera with square pixels and a horizontal field of view.

        >>> round(Camera.from_fov(640, 480, fov_deg=90.0).fx, 6)
        320.0

        Args:
            width, height: image size in pixels.
            fov_deg: horizontal field of view in degrees.

        Raises:
            CameraError: fov_deg is not between 0 and 180.
        """
        if not 0 < fov_deg < 180:
            raise CameraError(f"fov_deg is {fov_deg}, expected between 0 and 180")
        f_px = width / 2 / math.tan(math.radians(fov_deg) / 2)
        return cls(width, height, f_px, f_px, (width - 1) / 2, (height - 1) / 2)

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

    def project(self, points: npt.ArrayLike) -> FloatArray:
        """Project points (..., 3) of the optical frame to pixels (..., 2).

        Points at or behind the camera's plane give NaN. So do points beyond the maximum of the lens
        polynomial, which would fold them back into the image.
        """
        xyz = np.asarray(points, np.float64)
        z = np.where(xyz[..., 2] > 0, xyz[..., 2], np.nan)
        with np.errstate(over="ignore"):
            rays = turn(xyz[..., :2] / z[..., None], -self.turns)
            distorted = lens.distort(self.lens, self.coefficients, rays)
        sheared = turn(shear(distorted, self.skew), self.turns)
        return sheared * (self.fx, self.fy) + (self.cx, self.cy)

    def unproject(self, pixels: npt.ArrayLike) -> FloatArray:
        """Return the viewing rays (..., 2) of pixels (..., 2), as x/z and y/z.

        Pixels without a ray in front of the camera give NaN.
        """
        sheared = (np.asarray(pixels, np.float64) - (self.cx, self.cy)) / (self.fx, self.fy)
        distorted = shear(turn(sheared, -self.turns), -self.skew)
        return turn(lens.undistort(self.lens, self.coefficients, distorted), self.turns)

    def rays(self) -> npt.NDArray[np.float32]:
        """Return the viewing ray of every pixel: float32 (height, width, 2), x/z and y/z.

        A point seen at a pixel with z-depth d is (d * x/z, d * y/z, d). The table is read-only and
        cached per camera. Pixels without a ray in front of the camera hold NaN.
        """
        return _ray_table(self)

    @property
    def share_without_ray(self) -> float:
        """The share of the pixels without a ray, estimated on some of them.

        Such pixels have no points. A fisheye's black corners may be among them; a larger share
        means that the calibration is not valid for the whole image.
        """
        return _share_without_ray(self)

    @property
    def ray_warning(self) -> str:
        """A warning if more than a fifth of the pixels have no ray; otherwise empty."""
        share = self.share_without_ray
        if share <= _MOST_WITHOUT_RAY:
            return ""
        return (
            f"{share:.0%} of the pixels have no ray by lens model '{self.lens}' with coefficients "
            f"{self.coefficients}: they get no points; is it the calibration of this camera?"
        )


@lru_cache(maxsize=_RAY_TABLES)
def _share_without_ray(camera: Camera) -> float:
    u, v = (np.linspace(0, n - 1, min(n, _TESTED)) for n in (camera.width, camera.height))
    rays = camera.unproject(np.stack(np.meshgrid(u, v), axis=-1))
    return float(np.isnan(rays).any(axis=-1).mean())


@lru_cache(maxsize=_RAY_TABLES)
def _ray_table(camera: Camera) -> npt.NDArray[np.float32]:
    table = np.empty((camera.height, camera.width, 2), np.float32)
    rows = max(1, _RAYS_AT_ONCE // camera.width)
    for top in range(0, camera.height, rows):
        v, u = np.mgrid[top : min(top + rows, camera.height), : camera.width]
        table[top : top + rows] = camera.unproject(np.stack([u, v], axis=-1))
    table.flags.writeable = False
    return table
