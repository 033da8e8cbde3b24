"""Transforms between the frames of a tree (REP 105)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError

_MOST_FRAMES = 1000  # of a chain: more are a loop
ParentOf = Callable[[str], tuple[str, FloatArray] | None]
"""Returns a frame's parent and the 4x4 transform of its points to the parent; None: no parent."""


def frames_of(stamped: Any) -> tuple[str, str]:
    """Return the parent and child frames of a geometry_msgs/TransformStamped."""
    # In ROS 1 some names begin with a slash.
    return stamped.header.frame_id.lstrip("/"), stamped.child_frame_id.lstrip("/")


def transform_between(target: str, source: str, parent_of: ParentOf) -> FloatArray | None:
    """Return the 4x4 transform of points in the source frame to the target frame.

    Returns:
        None if the frames are not connected.

    Raises:
        ScaleError: the frames are no tree.
    """
    if target == source:
        return np.eye(4)
    root, root_from_target = _to_root(target, parent_of)
    other, root_from_source = _to_root(source, parent_of)
    if root != other:
        return None
    found: FloatArray = np.linalg.inv(root_from_target) @ root_from_source
    return found


def _to_root(frame: str, parent_of: ParentOf) -> tuple[str, FloatArray]:
    to_root: FloatArray = np.eye(4)
    for _ in range(_MOST_FRAMES):
        found = parent_of(frame)
        if found is None:
            return frame, to_root
        frame, pose = found
        to_root = pose @ to_root
    raise ScaleError(f"TF has a loop at {frame}, expected a tree")
