"""Cameras that no camera_info describes: by a file of a calibration, or a field of view."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ruamel.yaml import YAML

from depth_ros import messages
from depth_ros.config import Settings
from depth_ros.errors import CameraError
from depth_ros.geometry.camera import Camera
from depth_ros.input_files import regular
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
    """The fields of sensor_msgs/CameraInfo that a file of a calibration has."""

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
    """Return what a file of camera_calibration says, which camera_info_manager reads too.

    Source: camera_calibration_parsers, its YAML format.

    Raises:
        CameraError: the file cannot be read, or is none.
    """
    try:
        said: dict[str, Any] = YAML(typ="safe").load(regular(path))
        d, k = (_data(said, name) for name in ("distortion_coefficients", "camera_matrix"))
        r = _data(said, "rectification_matrix", 9)
        p = _data(said, "projection_matrix", 12)
        size = int(said["image_height"]), int(said["image_width"])
        model = str(said.get("distortion_model", "plumb_bob"))
    except Exception as error:  # yaml's, and whatever a wrong type makes
        told = " ".join(str(error).split())
        raise CameraError(
            f"{path} is no calibration: {type(error).__name__}: {told}; expected the YAML of "
            "camera_calibration, with image_width, image_height and camera_matrix"
        ) from error
    if len(k) != 9 or len(r) != 9 or len(p) != 12:
        raise CameraError(f"{path} has matrices of {len(k)}, {len(r)}, {len(p)}, expected 9, 9, 12")
    return Calibration(*size, model, d, k, r, p)


def of_file(path: Path, size: tuple[int, int] | None, rectified: bool = False) -> Camera:
    """Return the camera of a calibration file, scaled to the width and height of images.

    Args:
        path: see read().
        size: None: that of the file.
        rectified: whether the images are.

    Raises:
        CameraError: as read() and described().
    """
    info = read(path)
    if size is None:
        return messages.camera_from_info(info, rectified)
    settings = Settings(camera_info_scale=True, image_rectified=rectified)
    return described(info, *size, settings).camera


def _data(said: dict[str, Any], name: str, zeros: int = 0) -> tuple[float, ...]:
    """Return a matrix's numbers, row by row; zeros where it may be missing."""
    if zeros and name not in said:
        return (0.0,) * zeros
    return tuple(map(float, said[name]["data"]))


def from_fov(width: int, height: int, fov_deg: float) -> Calibration:
    """Return the guess of an undistorted camera with square pixels; fov_deg is horizontal."""
    matrix = Camera.from_fov(width, height, fov_deg).matrix
    k = tuple(matrix.reshape(-1).tolist())
    p = tuple(np.hstack([matrix, np.zeros((3, 1))]).reshape(-1).tolist())
    r = tuple(np.eye(3).reshape(-1).tolist())
    return Calibration(height, width, "plumb_bob", (0.0,) * 5, k, r, p)


def guess(settings: Settings) -> str:
    """Return what is to be said wherever a guessed camera's depth goes; empty without a guess."""
    if not settings.fov_deg:
        return ""
    return f"the camera is a guess, fov_deg {settings.fov_deg:g}: depth is as wrong as that is"


def check(settings: Settings) -> None:
    """Read the file of a calibration that settings name, before there is any image.

    Raises:
        CameraError: it cannot be read, or describes no camera.
    """
    if settings.camera_calibration:
        info = read(Path(settings.camera_calibration))
        # Where it says no size, any one will do.
        messages.camera_from_info(info, settings.image_rectified, (1, 1))


def given(settings: Settings, width: int, height: int) -> Described | None:
    """Return the camera that settings give for images of a size; None where they give none.

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
        settings: say whether the image is rectified, and whether K is rescaled where it is for
            another size of the same aspect.

    Raises:
        CameraError: as messages.camera_from_info; it is for a size of another aspect, or of the
            same and nobody asked to rescale it.
    """
    size = (width, height)
    camera = messages.camera_from_info(info, settings.image_rectified, size)
    fields = messages.depth_info(info, settings.image_rectified, size)
    if (camera.width, camera.height) == (width, height):
        return Described(camera, fields)
    sizes = f"image is {width}x{height}, camera is for {camera.width}x{camera.height}"
    # To the pixel that was rounded away.
    if abs(width * camera.height - height * camera.width) > max(camera.width, camera.height):
        raise CameraError(f"{sizes}, expected the same")
    if not settings.camera_info_scale:
        raise CameraError(f"{sizes}, expected the same, or camera_info_scale to rescale it")
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
