# ruff: noqa: D102 - the fields are documented in sensor_msgs
"""sensor_msgs/CameraInfo: the camera of an image and of its depth."""

from __future__ import annotations

import math
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

# For these models OpenCV uses the number of coefficients, not the model's name.
_BROWN: tuple[Lens, ...] = ("plumb_bob", "rational_polynomial")
_BROWN_COEFFICIENTS = (4, 5, 8, 12, 14)
_FISHEYES = ("equidistant", "fisheye")  # the latter is OpenCV's name for it
_MODELS = (*_BROWN, *_FISHEYES)


def camera_from_info(
    info: CameraInfo, rectified: bool = False, size: tuple[int, int] | None = None
) -> Camera:
    """Return the camera of the image that a sensor_msgs/CameraInfo describes.

    width, height, K and P describe the whole sensor. The ROI, in pixels of the whole sensor, is cut
    out first and then binned. Pixel centres are integers, so binning by b maps cx to
    (cx + 0.5) / b - 0.5. (image_geometry takes cx / b, a shift of up to half a pixel.)

    Args:
        info: a CameraInfo. Without distortion coefficients, or with zeros only, the lens is "none",
            except for equidistant: without coefficients it is an ideal fisheye, not a pinhole.
            "fisheye", which some drivers write, is equidistant. plumb_bob and rational_polynomial
            are distinguished by the number of coefficients, as in OpenCV.
        rectified: the image was rectified: P describes it, without distortion. Without distortion,
            K replaces a P of zeros.
        size: width and height of the image, used if the CameraInfo has size 0x0; None: such a
            CameraInfo is refused.

    Raises:
        CameraError: the camera is not calibrated, its lens is not supported, or the ROI lies
            outside the sensor.
    """
    name, matrix = _matrix(info, rectified)
    lens = ("none", ()) if rectified else _lens(info)
    return _on_image(info, _full_camera(info, name, matrix, *lens, size))


def depth_info(
    info: CameraInfo, rectified: bool = False, size: tuple[int, int] | None = None
) -> CameraInfoFields:
    """Return the CameraInfo to publish with depth that was estimated from `info`'s image.

    The depth has the image's geometry, pixel by pixel, so K and P already include the ROI and the
    binning (pixel centres as in camera_from_info). A missing or invalid P is replaced by K, a
    missing R or one that is not finite by the identity. For a rectified image K is that of P, and
    there is neither distortion nor rotation.

    Raises:
        CameraError: as camera_from_info; or a rectified image's P has a baseline that is not
            finite.
    """
    camera = camera_from_info(info, rectified, size)
    k, r = _numbers(camera.matrix), _numbers(info.r)
    model, d = info.distortion_model, _numbers(info.d)
    if rectified:
        model, d, r = "plumb_bob", (0.0,) * 5, _IDENTITY
    if not any(r) or not all(map(math.isfinite, r)):
        r = _IDENTITY
    p = _projection(info, rectified, camera, size)
    return CameraInfoFields(camera.height, camera.width, model, d, k, r, p)


def _matrix(info: CameraInfo, rectified: bool) -> tuple[str, tuple[float, ...]]:
    """Return name and numbers of the matrix that describes the image: K (3x3) or P (3x4)."""
    k, p = _numbers(info.k), _numbers(info.p)
    name, matrix = ("p", p) if rectified else ("k", k)
    if any(matrix):
        return name, matrix
    straight = not any(_numbers(info.d)) and info.distortion_model not in _FISHEYES
    if rectified and straight and any(k):
        return "k", k
    advice = ""
    if not rectified and any(p):
        advice = "set image.rectified:=true if the image is rectified; otherwise "
    raise CameraError(
        f"camera_info has an all-zero {name}: {advice}calibrate the camera (camera_calibration) "
        "and give its driver the result (camera_info_url)"
    )


def _full_camera(
    info: CameraInfo,
    name: str,
    numbers: tuple[float, ...],
    lens: Lens,
    coefficients: tuple[float, ...],
    size: tuple[int, int] | None,
) -> Camera:
    """Return the camera of the whole sensor, with the intrinsics of K (3x3) or P (3x4)."""
    width, height = _sensor_size(info, size)
    (fx, shear, cx), (zero, fy, cy), bottom = np.reshape(numbers, (3, -1))[:, :3].tolist()
    if zero or bottom != [0, 0, 1]:
        raise CameraError(
            f"camera_info has {name} = {numbers}, expected rows that start fx s cx, 0 fy cy, 0 0 1"
        )
    skew = shear / fx if fx else shear
    return Camera(width, height, fx, fy, cx, cy, lens, coefficients, skew)


def _sensor_size(info: CameraInfo, size: tuple[int, int] | None) -> tuple[int, int]:
    """Return width and height of the whole sensor."""
    if info.width > 0 and info.height > 0:
        return info.width, info.height
    whole = not (info.roi.width or info.roi.height)
    if size is None or info.width or info.height or not whole:
        raise CameraError(
            f"camera_info has size {info.width}x{info.height}, expected that of the image: "
            "is the driver publishing its camera_info?"
        )
    return size[0] * max(1, info.binning_x), size[1] * max(1, info.binning_y)


def _lens(info: CameraInfo) -> tuple[Lens, tuple[float, ...]]:
    d, model = _numbers(info.d), info.distortion_model
    if model in _FISHEYES:
        return "equidistant", _fisheye(d) if d else (0.0,) * 4
    if not any(d):
        return "none", ()
    if model not in _BROWN:
        raise CameraError(
            f"distortion_model is '{model}' with d = {d}, expected one of: {', '.join(_MODELS)}"
        )
    return _brown(model, d)


def _fisheye(d: tuple[float, ...]) -> tuple[float, ...]:
    if len(d) < 4 or any(d[4:]):
        raise CameraError(
            f"d = {d}, {len(d)} coefficients, expected 4 coefficients for 'equidistant', k1 k2 k3 "
            "k4 (zeros may follow); k1 k2 p1 p2 k3 k4, which some drivers write, is another lens"
        )
    return d[:4]


def _brown(model: str, d: tuple[float, ...]) -> tuple[Lens, tuple[float, ...]]:
    used = max((count for count in _BROWN_COEFFICIENTS if count <= len(d)), default=0)
    if not used or any(d[used:]):
        raise CameraError(
            f"d = {d}, {len(d)} coefficients, expected {', '.join(map(str, _BROWN_COEFFICIENTS))} "
            f"coefficients for '{model}' (zeros may follow)"
        )
    # The simplest lens that the name and the coefficients allow.
    least = 5 if model == "plumb_bob" else 8
    counts = [count for count in _BROWN_COEFFICIENTS if least <= count < used]
    used = next((count for count in counts if not any(d[count:])), used)
    if used < least == 8:
        return "rational_polynomial", d[:used] + (0.0,) * (8 - used)
    return "plumb_bob" if used <= 5 else "rational_polynomial", d[:used]


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
    # Pixels that do not fill a bin are not read out.
    return full.crop(x, y, columns * across, rows * down).scale(columns, rows)


def _projection(
    info: CameraInfo, rectified: bool, camera: Camera, size: tuple[int, int] | None
) -> tuple[float, ...]:
    """Return P (3x4, row-major) of the image; binning scales its last column."""
    p = _numbers(info.p)
    if not _projects(p):
        if rectified and any(p):
            raise CameraError(f"camera_info has p = {p}, expected finite numbers")
        return _with_column(_numbers(camera.matrix), 0.0, 0.0)
    full = _full_camera(info, "p", p, "none", (), size)
    on_image = _on_image(info, full)
    return _with_column(
        _numbers(on_image.matrix), p[3] * (on_image.fx / full.fx), p[7] * (on_image.fy / full.fy)
    )


def _projects(p: tuple[float, ...]) -> bool:
    """Whether numbers can be a projection matrix (3x4)."""
    finite = all(map(math.isfinite, p))
    return finite and p[0] > 0 and p[5] > 0 and p[4] == 0 and p[8:11] == (0, 0, 1)


def _with_column(k: Sequence[float], tx: float, ty: float) -> tuple[float, ...]:
    return (*k[:3], tx, *k[3:6], ty, *k[6:], 0.0)


def _numbers(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(np.ravel(np.array(values, np.float64)).tolist())
