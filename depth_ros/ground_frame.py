"""The camera's pose above the ground, from parameters or from a frame on the ground."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

from depth_ros.arrays import FloatArray
from depth_ros.config import Settings
from depth_ros.errors import ScaleError
from depth_ros.pipeline.place import Place
from depth_ros.scale.ground import Mount

ON_GROUND = "base_footprint"
"""On the ground by definition (REP 120)."""

_USUAL = (ON_GROUND, "base_link")  # in priority order

LookUp: TypeAlias = Callable[[str], FloatArray]
"""Returns the 4x4 transform of the camera's optical frame to a frame, or raises ScaleError."""


def mount_of_parameters(settings: Settings) -> Mount:
    """Return the mount that camera.height_m, camera.pitch_deg and camera.roll_deg define."""
    angles_deg = (settings.camera_pitch_deg, settings.camera_roll_deg)
    return Mount.from_angles(settings.camera_height_m, *angles_deg)


def find_mount(settings: Settings, look_up: LookUp) -> tuple[str, Mount]:
    """Return the frame that was used, and the camera's height and orientation above the ground.

    Args:
        settings: ground.frame and ground.offset_m.
        look_up: finds the camera in a frame.

    Raises:
        ScaleError: no frame is connected to the camera, or it is not above the ground.
    """
    frame, mount, _ = _find_ground(settings, look_up)
    return frame, mount


def find_place(settings: Settings, look_up: LookUp, refused: Callable[[str], None]) -> Place:
    """Return the camera's pose over the ground and in nav.odom_frame, as far as it is known.

    Args:
        settings, look_up: as those of find_mount().
        refused: called with the reason if the pose over the ground is unknown.
    """
    place = Place()
    try:
        frame, mount, pose = _find_ground(settings, look_up)
        place = Place(mount, pose, frame)
    except ScaleError as error:
        refused(str(error))
    if settings.nav_odom_frame:
        with suppress(ScaleError):
            place = replace(place, odom_from_optical=look_up(settings.nav_odom_frame))
    return place


def _find_ground(settings: Settings, look_up: LookUp) -> tuple[str, Mount, FloatArray]:
    """Return the frame that was used, the mount, and the transform of points to the frame."""
    errors = []
    for frame in (settings.ground_frame,) if settings.ground_frame else _USUAL:
        try:
            pose = look_up(frame)
        except ScaleError as error:
            errors.append(str(error))
            continue
        offset_m = 0.0 if frame == ON_GROUND else settings.ground_offset_m
        return frame, Mount.from_transform(pose, offset_m), pose
    raise ScaleError("; ".join(errors))
