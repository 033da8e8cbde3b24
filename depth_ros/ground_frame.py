"""Which frame the ground is known by, and the camera's mount over it."""

from __future__ import annotations

from collections.abc import Callable

from depth_ros.config import Settings
from depth_ros.errors import ScaleError
from depth_ros.scale.fit import Floats
from depth_ros.scale.ground import Mount

ON_GROUND = "base_footprint"
"""On the ground by definition (REP 120)."""

_USUAL = (ON_GROUND, "base_link")


def candidates(settings: Settings) -> tuple[str, ...]:
    """Return the frames that are asked for, the best first."""
    return (settings.ground_frame,) if settings.ground_frame else _USUAL


def find_mount(settings: Settings, look_up: Callable[[str], Floats]) -> tuple[str, Mount]:
    """Return the frame that was taken, and the camera's height and direction over the ground.

    See find_ground_pose().
    """
    frame, pose = find_ground_pose(settings, look_up)
    return frame, mount_of(settings, frame, pose)


def find_ground_pose(settings: Settings, look_up: Callable[[str], Floats]) -> tuple[str, Floats]:
    """Return the frame that was taken, and the 4x4 transform of the camera's points to it.

    Args:
        settings: which frame, and how far the ground lies below it.
        look_up: returns the 4x4 transform of the camera's optical frame to a frame, or raises
            ScaleError.

    Raises:
        ScaleError: no frame leads to the camera, or it is not above the ground.
    """
    refused = []
    for frame in candidates(settings):
        try:
            pose = look_up(frame)
        except ScaleError as error:
            refused.append(str(error))
            continue
        mount_of(settings, frame, pose)
        return frame, pose
    raise ScaleError("; ".join(refused))


def mount_of(settings: Settings, frame: str, pose: Floats) -> Mount:
    """Return the mount of a camera whose pose in a frame is known.

    Raises:
        ScaleError: the camera is not above the ground.
    """
    return Mount.from_transform(pose, 0.0 if frame == ON_GROUND else settings.ground_offset_m)
