"""Cameras without camera_info: from a calibration file or a field of view."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from depth_ros import messages, yaml_file
from depth_ros.config import Settings
from depth_ros.errors import CameraError, SettingError
from depth_ros.geometry.camera import Camera
from depth_ros.messages import CameraInfo, CameraInfoFields


class Described(NamedTuple):
    """An image's camera, and the camera_info of its depth."""

    camera: Camera
    info: CameraInfoFields


@dataclass
class _NoRoi:
    """sensor_msgs/RegionOfInterest of a whole image."""

    x_offset: int = 0
    y_offset: int = 0
    height: int = 0
    width: int = 0


@dataclass
class Calibration:
    """The fields of sensor_msgs/CameraInfo that a calibration file contains."""

    height: int
    width: int
    distortion_model: str
    d: tuple[float, ...]
    k: tuple[float, ...]
    r: tuple[float, ...]
    p: tuple[float, ...]
    binning_x: int = 0
    binning_y: int = 0
    roi: _NoRoi = field(default_factory=_NoRoi)


def read(path: Path) -> Calibration:
    """Return the content of a calibration file, as camera_calibration writes it.

    Source: camera_calibration_parsers, its YAML format, which camera_info_manager reads too.

    Raises:
        CameraError: the file cannot be read, or is not a calibration.
    """
    try:
        content: dict[str, Any] = yaml_file.load(path)
        d, k = (_data(content, name) for name in ("distortion_coefficients", "camera_matrix"))
        r = _data(content, "rectification_matrix", 9)
        p = _data(content, "projection_matrix", 12)
        size = int(content["image_height"]), int(content["image_width"])
        model = str(content.get("distortion_model", "plumb_bob"))
    except Exception as error:  # YAML errors, and errors of wrong types
        text = " ".join(str(error).split())
        raise CameraError(
            f"{path} is not a calibration: {type(error).__name__}: {text}; expected the YAML of "
            "camera_calibration, with image_width, image_height, camera_matrix and "
            "distortion_coefficients"
        ) from error
    if len(k) != 9 or len(r) != 9 or len(p) != 12:
        raise CameraError(f"{path} has matrices of {len(k)}, {len(r)}, {len(p)}, expected 9, 9, 12")
    return Calibration(*size, model, d, k, r, p)


def of_file(path: Path, size: tuple[int, int] | None, rectified: bool) -> Camera:
    """Return the camera of a calibration file, scaled to the width and height of images.

    Args:
        path: see read().
        size: None: the size in the file.
        rectified: whether the images are rectified.

    Raises:
        CameraError: as read() and described().
    """
    info = read(path)
    if size is None:
        return messages.camera_from_info(info, rectified)
    settings = Settings(camera_info_scale=True, image_rectified=rectified)
    return described(info, *size, settings).camera


def _data(content: dict[str, Any], name: str, zeros: int = 0) -> tuple[float, ...]:
    """Return a matrix row by row; if it is missing and optional, the given number of zeros."""
    if zeros and name not in content:
        return (0.0,) * zeros
    if name not in content:
        raise CameraError(f"it has no {name}")
    return tuple(map(float, content[name]["data"]))


def from_fov(width: int, height: int, fov_deg: float) -> Calibration:
    """Return an undistorted camera with square pixels; fov_deg is horizontal."""
    matrix = Camera.from_fov(width, height, fov_deg).matrix
    k = tuple(matrix.reshape(-1).tolist())
    p = tuple(np.hstack([matrix, np.zeros((3, 1))]).reshape(-1).tolist())
    r = tuple(np.eye(3).reshape(-1).tolist())
    return Calibration(height, width, "plumb_bob", (0.0,) * 5, k, r, p)


def guess(settings: Settings) -> str:
    """Return the warning about a camera that is guessed from fov_deg; empty: it is not."""
    if not settings.fov_deg:
        return ""
    return (
        f"the camera is a guess from fov_deg {settings.fov_deg:g}: depth has the same relative "
        "error"
    )


def check(settings: Settings) -> None:
    """Check the calibration file that settings name, before the first image.

    Raises:
        SettingError: it cannot be read, or does not describe a camera.
    """
    if settings.camera_calibration:
        try:
            info = read(Path(settings.camera_calibration))
            # If the file has no size, any size can be used.
            messages.camera_from_info(info, settings.image_rectified, (1, 1))
        except CameraError as error:
            raise SettingError(str(error)) from error


def given(settings: Settings, width: int, height: int) -> Described | None:
    """Return the camera that settings define for images of a size; None: they define none.

    Raises:
        CameraError: as read() and described().
    """
    return _given(settings, width, height) if settings.gives_camera else None


@lru_cache(maxsize=8)
def _given(settings: Settings, width: int, height: int) -> Described:
    if settings.fov_deg:
        info = from_fov(width, height, settings.fov_deg)
    else:
        info = read(Path(settings.camera_calibration))
    return described(info, width, height, settings)


def described(info: CameraInfo, width: int, height: int, settings: Settings) -> Described:
    """Return the camera of an image by its camera_info.

    Args:
        info: a sensor_msgs/CameraInfo.
        width, height: of the image, in pixels.
        settings: whether the image is rectified, and whether to rescale a K for another size of the
            same aspect ratio.

    Raises:
        CameraError: as messages.camera_from_info; or it is for another size, and either the aspect
            ratio differs or camera.info_scale is false.
    """
    size = (width, height)
    camera = messages.camera_from_info(info, settings.image_rectified, size)
    fields = messages.depth_info(info, settings.image_rectified, size)
    if (camera.width, camera.height) == (width, height):
        return Described(camera, fields)
    sizes = f"image is {width}x{height}, camera is for {camera.width}x{camera.height}"
    # Equal aspect ratios up to rounding of one pixel.
    if abs(width * camera.height - height * camera.width) > max(camera.width, camera.height):
        raise CameraError(f"{sizes}, expected the same")
    if not settings.camera_info_scale:
        raise CameraError(f"{sizes}, expected the same, or camera.info_scale to rescale it")
    ratios = width / camera.width, height / camera.height
    k, p = _scaled(fields.k, *ratios), _scaled(fields.p, *ratios)
    resized = replace(fields, width=width, height=height, k=k, p=p)
    return Described(camera.scale(width, height), resized)


def _scaled(matrix: Iterable[float], across: float, down: float) -> tuple[float, ...]:
    """Return K or P of the resized image; pixel centres are integers, as in Camera.scale."""
    rows = np.reshape(np.array(matrix, np.float64), (3, -1))
    to_corner, back = np.eye(3), np.eye(3)
    to_corner[:2, 2], back[:2, 2] = 0.5, -0.5
    scaled = back @ np.diag([across, down, 1.0]) @ to_corner @ rows
    return tuple(scaled.reshape(-1).tolist())
