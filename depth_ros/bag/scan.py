"""A laser scan from a depth image, as in depthimage_to_laserscan."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from depth_ros.errors import BagError, FrameError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.scan import body_frame

Floats = npt.NDArray[np.float32]


class Scan(NamedTuple):
    """The ranges of a sensor_msgs/LaserScan: x forward, y left, angles increase to the left.

    Attributes:
        angle_min, angle_max, angle_increment: radians.
        ranges: float32 (width,) metres in the plane; NaN: no estimate, +inf: nothing in range.
    """

    angle_min: float
    angle_max: float
    angle_increment: float
    ranges: Floats


def from_depth(depth_m: Floats, camera: Camera, rows: int) -> Scan:
    """Return the nearest distance in each direction over a band of rows around the optical axis.

    The scan is in the plane of the camera's x and z axes, so it is level if the camera is. Each
    beam contains the nearest pixel in its direction. The beams span the band's field of view; their
    number is that of the columns.

    Args:
        depth_m: (H, W) z-depth; NaN: no estimate, +inf: beyond range.
        camera: of the image, with its lens.
        rows: height of the band in pixels.
    """
    band = _band(camera, rows)
    rays, depth = camera.rays()[band], depth_m[band]
    angle = -np.arctan(rays[..., 0])
    low, high = float(np.nanmin(angle)), float(np.nanmax(angle))
    step = (high - low) / max(1, camera.width - 1)
    range_m = np.where(np.isinf(depth), np.inf, depth * np.hypot(1, rays[..., 0]))
    seen = np.isfinite(angle) & ~np.isnan(range_m)
    beam = np.rint((angle[seen] - low) / (step or 1)).astype(np.int64)
    # The initial value means no estimate; every measured range is smaller.
    nearest = np.full(camera.width, np.finfo(np.float32).max, np.float32)
    beyond = np.zeros(camera.width, bool)
    found = range_m[seen].astype(np.float32)
    np.minimum.at(nearest, beam, found)
    beyond[beam[np.isinf(found)]] = True
    nothing = nearest == np.finfo(np.float32).max
    nearest[nothing] = np.where(beyond[nothing], np.inf, np.nan)
    return Scan(low, high, step, nearest)


def _band(camera: Camera, rows: int) -> slice:
    """Return the rows of the band: inside the image, at least one."""
    top = min(max(0, round(camera.cy - (rows - 1) / 2)), camera.height - 1)
    return slice(top, min(top + rows, camera.height))


def frame_of(optical_frame: str) -> str:
    """Return the name of a camera's frame with x forward from its optical frame (REP 103).

    camera_color_optical_frame becomes camera_color_frame, camera_optical becomes camera.

    Raises:
        BagError: the name does not end in _optical or _optical_frame.
    """
    try:
        return body_frame(optical_frame)
    except FrameError as error:
        raise BagError(f"{error}, or --scan-frame") from error
