"""The camera of a picture: from a calibration, a field of view or EXIF data, never guessed."""

from __future__ import annotations

import math

from depth_ros import calibration
from depth_ros.config import Settings
from depth_ros.errors import CameraError
from depth_ros.geometry.camera import Camera
from depth_ros.infer.exif import Exif
from depth_ros.infer.pictures import Picture
from depth_ros.infer.sources import Source

WAYS = (
    "expected --camera FILE.yaml (of camera_calibration), --fov-deg DEG (horizontal field of "
    "view), or pictures with a focal length in their EXIF data"
)


def knows(settings: Settings, exif: Exif) -> bool:
    """Return whether the camera of a picture is known."""
    return settings.gives_camera or exif.focal_length_35mm is not None


def camera(settings: Settings, picture: Picture) -> Camera:
    """Return the camera of an upright picture.

    A calibration applies to the stored pixels, a field of view to the upright picture.

    Raises:
        CameraError: it is unknown, or the calibration is for another aspect ratio.
    """
    height, width = picture.rgb.shape[:2]
    if settings.camera_calibration:
        turns = picture.exif.turns or 0
        stored = (height, width) if turns % 2 else (width, height)
        found = calibration.given(settings, *stored)
        assert found is not None
        return found.camera.turned(turns)
    if settings.fov_deg:
        return Camera.from_fov(width, height, settings.fov_deg)
    f_px = picture.exif.f_px(width, height)
    if f_px is None:
        raise CameraError(f"the camera is unknown, {WAYS}")
    return Camera(width, height, f_px, f_px, (width - 1) / 2, (height - 1) / 2)


def described(source: Source, camera: Camera, exif: Exif) -> str:
    """Return a description of a camera that comes from EXIF data."""
    fov_deg = 2 * math.degrees(math.atan(camera.width / 2 / camera.fx))
    return (
        f"the camera is that of the EXIF data, of {source.path} {exif.focal_length_35mm} mm "
        f"(35 mm equivalent), {fov_deg:.0f} deg across"
    )
