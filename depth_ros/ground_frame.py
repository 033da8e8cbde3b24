"""The camera's pose above the ground, from parameters or from a frame on the ground."""

from __future__ import annotations

from collections.abc import Callable

from depth_ros.arrays import FloatArray
from depth_ros.config import Settings
from depth_ros.errors import ScaleError
from depth_ros.scale.ground import Mount

ON_GROUND = "base_footprint"
"""On the ground by definition (REP 120)."""

_USUAL = (ON_GROUND, "base_link")


def mount_of_parameters(settings: Settings) -> Mount:
    """Return the mount that camera.height_m, camera.pitch_deg and camera.roll_deg define."""
    angles_deg = (settings.camera_pitch_deg, settings.camera_roll_deg)
    return Mount.from_angles(settings.camera_height_m, *angles_deg)


def candidates(settings: Settings) -> tuple[str, ...]:
    """Return the frames to look up, in priority order."""
    return (settings.ground_frame,) if settings.ground_frame else _USUAL


def find_mount(settings: Settings, look_up: Callable[[str], FloatArray]) -> tuple[str, Mount]:
    """Return the frame that was used, and the camera's height and orientation above the ground.

    See find_ground_pose().
    """
    frame, pose = find_ground_pose(settings, look_up)
    return frame, mount_of(settings, frame, pose)


def find_ground_pose(
    settings: Settings, look_up: Callable[[str], FloatArray]
) -> tuple[str, FloatArray]:
    """Return the frame that was used, and the 4x4 transform of the camera's points to it.

    Args:
        settings: ground.frame and ground.offset_m.
        look_up: returns the 4x4 transform of the camera's optical frame to a frame, or raises
            ScaleError.

    Raises:
        ScaleError: no frame is connected to the camera, or it is not above the ground.
    """
    errors = []
    for frame in candidates(settings):
        try:
            pose = look_up(frame)
        except ScaleError as error:
            errors.append(str(error))
            continue
        mount_of(settings, frame, pose)
        return frame, pose
    raise ScaleError("; ".join(errors))


def mount_of(settings: Settings, frame: str, pose: FloatArray) -> Mount:
    """Return the mount of a camera whose pose in a frame is known.

    Raises:
        ScaleError: the camera is not above the ground.
    """
    return Mount.from_transform(pose, 0.0 if frame == ON_GROUND else settings.ground_offset_m)
