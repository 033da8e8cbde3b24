"""The intrinsics of a camera, and those of its resized, cut and rotated images.

Pixel centres have integer coordinates (REP 104, as in image_geometry and OpenCV): the image spans
[-0.5, width - 0.5]. Camera frames are optical frames (REP 103): x right, y down, z forward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar, get_args

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.errors import CameraError
from depth_ros.geometry.lens import COEFFICIENTS, Lens

Camera = TypeVar("Camera", bound="Intrinsics")

# Lenses that are symmetric about their axis: rotating the image by 90 degrees changes nothing else.
_ROUND = ("none", "equidistant")


@dataclass(frozen=True)
class Intrinsics:
    """The numbers of a calibrated camera; attributes and errors are those of camera.Camera."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    lens: Lens = "none"
    coefficients: tuple[float, ...] = ()
    skew: float = 0.0
    turns: int = 0

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise CameraError(f"image size is {self.width}x{self.height}, expected positive")
        if not (self.fx > 0 and self.fy > 0):
            raise CameraError(
                f"focal length is ({self.fx}, {self.fy}) px, expected positive: "
                "is the camera calibrated?"
            )
        numbers = (self.fx, self.fy, self.cx, self.cy, self.skew, *self.coefficients)
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
        if any(abs(tau) >= math.pi / 2 for tau in self.coefficients[12:]):
            raise CameraError(
                f"the sensor is tilted by {self.coefficients[12:]} rad, expected less than pi / 2"
            )

    @property
    def f_px(self) -> float:
        """The focal length in pixels, as one number: the geometric mean of fx and fy."""
        return math.sqrt(self.fx * self.fy)

    @property
    def matrix(self) -> FloatArray:
        """The 3x3 intrinsic matrix K."""
        axes = turn(shear(turn(np.eye(2), -self.turns), self.skew), self.turns)
        k = np.eye(3)
        k[:2, :2] = (axes * (self.fx, self.fy)).T
        k[:2, 2] = self.cx, self.cy
        return k

    def scale(self: Camera, width: int, height: int) -> Camera:
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

    def subsample(self: Camera, step: int) -> Camera:
        """Return the camera of every step-th pixel and row of the image, starting at the first."""
        return replace(
            self,
            width=math.ceil(self.width / step),
            height=math.ceil(self.height / step),
            fx=self.fx / step,
            fy=self.fy / step,
            cx=self.cx / step,
            cy=self.cy / step,
        )

    def crop(self: Camera, x: int, y: int, width: int, height: int) -> Camera:
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

    def turned(self: Camera, turns: int) -> Camera:
        """Return the camera of the same image after clockwise quarter turns.

        Its optical frame rotates with the image: x to the right and y down in the rotated image.
        """
        camera = self
        for _ in range(turns % 4):
            camera = replace(
                camera,
                width=camera.height,
                height=camera.width,
                fx=camera.fy,
                fy=camera.fx,
                cx=camera.height - 1 - camera.cy,
                cy=camera.cx,
            )
        if self.skew == 0 and self.lens in _ROUND:
            return camera
        return replace(camera, turns=(self.turns + turns) % 4)


def turn(vectors: FloatArray, turns: int) -> FloatArray:
    """Rotate image vectors (..., 2) by clockwise quarter turns; y is down."""
    if turns % 4 == 0:
        return vectors
    x, y = vectors[..., 0], vectors[..., 1]
    return np.stack(((-y, x), (-x, -y), (y, -x))[turns % 4 - 1], axis=-1)


def shear(vectors: FloatArray, skew: float) -> FloatArray:
    """Shift x of vectors (..., 2) by skew * y."""
    if not skew:
        return vectors
    return np.stack([vectors[..., 0] + skew * vectors[..., 1], vectors[..., 1]], axis=-1)
