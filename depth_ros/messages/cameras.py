# ruff: noqa: D102 - what the messages' fields mean is said in sensor_msgs
"""sensor_msgs/CameraInfo: which camera an image, and its depth, are of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from depth_ros.errors import CameraError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.lens import Lens


class RegionOfInterest(Protocol):
    """sensor_msgs/RegionOfInterest."""

    x_offset: int
    y_offset: int
    height: int
    width: int


class CameraInfo(Protocol):
    """sensor_msgs/CameraInfo."""

    height: int
    width: int
    distortion_model: str
    binning_x: int
    binning_y: int

    @property
    def d(self) -> Iterable[float]: ...
    @property
    def k(self) -> Iterable[float]: ...
    @property
    def r(self) -> Iterable[float]: ...
    @property
    def p(self) -> Iterable[float]: ...
    @property
    def roi(self) -> RegionOfInterest: ...


@dataclass(frozen=True)
class CameraInfoFields:
    """The fields of a CameraInfo that describes an image as it is: no binning, no ROI."""

    height: int
    width: int
    distortion_model: str
    d: tuple[float, ...]
    k: tuple[float, ...]
    r: tuple[float, ...]
    p: tuple[float, ...]


_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

# The lens a distortion model stands for, and how many coefficients of it are used.
_LENSES: dict[str, tuple[Lens, int]] = {
    "plumb_bob": ("plumb_bob", 5),
    "rational_polynomial": ("rational_polynomial", 8),
    "equidistant": ("equidistant", 4),
    "fisheye": ("equidistant", 4),  # OpenCV's name for it
}


def camera_from_info(info: CameraInfo, rectified: bool = False) -> Camera:
    """Return the camera that took the image a sensor_msgs/CameraInfo belongs to.

    width, height, K and P describe the whole sensor; the ROI, in pixels of the whole sensor, is cut
    out first and then binned. Pixel centres are integers, so binning by b maps cx to
    (cx + 0.5) / b - 0.5. (image_geometry takes cx / b, a shift of up to half a pixel.)

    Args:
        info: a CameraInfo. Without distortion coefficients, or with zeros only, the lens is "none",
            except for equidistant: without coefficients that is still a fisheye, not a pinhole.
            "fisheye", as some drivers say, is equidistant.
        rectified: the image was rectified: P describes it, without distortion.

    Raises:
        CameraError: the camera is not calibrated, its lens is not supported, or the ROI lies
            outside the sensor.
    """
    if rectified:
        return _on_image(info, _full_camera(info, "p", info.p, "none", ()))
    return _on_image(info, _full_camera(info, "k", info.k, *_lens(info)))


def depth_info(info: CameraInfo, rectified: bool = False) -> CameraInfoFields:
    """Return the CameraInfo to publish with depth that was estimated from `info`'s image.

    The depth has the image's own geometry, pixel for pixel, so K already holds the ROI and the
    binning (pixel centres as in camera_from_info), and so does P. A missing P is K, a missing R is
    the identity. For a rectified image K is P's, and there is neither distortion nor rotation.

    Raises:
        CameraError: as camera_from_info.
    """
    camera = camera_from_info(info, rectified)
    k = _numbers(camera.matrix)
    r, p = _numbers(info.r), _projection(info) if any(info.p) else _with_column(k, 0.0, 0.0)
    model, d = info.distortion_model, _numbers(info.d)
    if rectified:
        model, d, r = "plumb_bob", (0.0,) * 5, _IDENTITY
    return CameraInfoFields(camera.height, camera.width, model, d, k, r if any(r) else _IDENTITY, p)


def _full_camera(
    info: CameraInfo,
    name: str,
    matrix: Iterable[float],
    lens: Lens,
    coefficients: tuple[float, ...],
) -> Camera:
    """Return the camera of the whole sensor, with the intrinsics of K (3x3) or P (3x4)."""
    numbers = _numbers(matrix)
    if info.width <= 0 or info.height <= 0:
        raise CameraError(
            f"camera_info has size {info.width}x{info.height}, expected that of the image: "
            "is the driver publishing its camera_info?"
        )
    if not any(numbers):
        raise CameraError(
            f"camera_info has an all-zero {name}: calibrate the camera (camera_calibration) and "
            "give its driver the result (camera_info_url)"
        )
    (fx, skew, cx), (shear, fy, cy), bottom = np.reshape(numbers, (3, -1))[:, :3].tolist()
    if skew or shear or any(bottom[:2]):
        raise CameraError(
            f"camera_info has {name} = {numbers}, expected rows that start fx 0 cx, 0 fy cy, 0 0 1"
        )
    return Camera(info.width, info.height, fx, fy, cx, cy, lens, coefficients)


def _lens(info: CameraInfo) -> tuple[Lens, tuple[float, ...]]:
    d, model = _numbers(info.d), info.distortion_model
    lens, used = _LENSES.get(model, ("none", 0))
    if lens != "equidistant" and not any(d):
        return "none", ()
    if lens == "none":
        raise CameraError(
            f"distortion_model is '{model}' with d = {d}, expected one of: {', '.join(_LENSES)}"
        )
    if any(d[used:]):
        raise CameraError(f"d = {d}, expected {used} coefficients for '{model}' (zeros may follow)")
    # OpenCV, too, reads 4 or 5 coefficients as a rational model whose others are zero.
    missing = 8 - len(d) if lens == "rational_polynomial" and len(d) in (4, 5) else 0
    return lens, d[:used] + (0.0,) * missing


def _on_image(info: CameraInfo, full: Camera) -> Camera:
    """Apply ROI and binning."""
    x, y, width, height = info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height
    if not any((x, y, width, height)):
        width, height = full.width, full.height
    across, down = max(1, info.binning_x), max(1, info.binning_y)
    columns, rows = width // across, height // down
    if not columns or not rows or x + width > full.width or y + height > full.height:
        raise CameraError(
            f"roi {width}x{height}+{x}+{y} with binning {across}x{down} leaves no image of the "
            f"{full.width}x{full.height} sensor, expected it to lie inside"
        )
    # Pixels that do not fill a whole bin are not read out.
    return full.crop(x, y, columns * across, rows * down).scale(columns, rows)


def _projection(info: CameraInfo) -> tuple[float, ...]:
    """Return P (3x4, row-major) on the image; ROI and binning change its last column by scale."""
    p = _numbers(info.p)
    full = _full_camera(info, "p", p, "none", ())
    camera = _on_image(info, full)
    return _with_column(
        _numbers(camera.matrix), p[3] * camera.fx / full.fx, p[7] * camera.fy / full.fy
    )


def _with_column(k: Sequence[float], tx: float, ty: float) -> tuple[float, ...]:
    return (*k[:3], tx, *k[3:6], ty, *k[6:], 0.0)


def _numbers(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(np.ravel(np.array(values, np.float64)).tolist())
