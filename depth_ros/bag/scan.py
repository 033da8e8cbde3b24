"""A laser scan out of a depth image, as depthimage_to_laserscan makes it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from depth_ros.errors import BagError, FrameError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.scan import body_frame

Floats = npt.NDArray[np.float32]


class Scan(NamedTuple):
    """The ranges of a sensor_msgs/LaserScan: x ahead, y left, angles growing to the left.

    Attributes:
        angle_min, angle_max, angle_increment: radians.
        ranges: float32 (width,) metres in the plane; NaN no estimate, +inf nothing in range.
    """

    angle_min: float
    angle_max: float
    angle_increment: float
    ranges: Floats


def from_depth(depth_m: Floats, camera: Camera, rows: int) -> Scan:
    """Return the nearest distance in each direction over a band of rows around the optical axis.

    The scan lies in the plane of the camera's x and z axes: it is level where the camera is. Every
    beam holds the nearest of the pixels that look into its direction; as many beams as there are
    columns span the band's field of view.

    Args:
        depth_m: (H, W) z-depth; NaN no estimate, +inf beyond range.
        camera: the image's, with its lens.
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
    # Nothing in a direction is no estimate; whatever is there is nearer than that mark.
    nearest = np.full(camera.width, np.finfo(np.float32).max, np.float32)
    beyond = np.zeros(camera.width, bool)
    found = range_m[seen].astype(np.float32)
    np.minimum.at(nearest, beam, found)
    beyond[beam[np.isinf(found)]] = True
    nothing = nearest == np.finfo(np.float32).max
    nearest[nothing] = np.where(beyond[nothing], np.inf, np.nan)
    return Scan(low, high, step, nearest)


def _band(camera: Camera, rows: int) -> slice:
    """Return the rows of the band, inside of the image and at least one."""
    top = min(max(0, round(camera.cy - (rows - 1) / 2)), camera.height - 1)
    return slice(top, min(top + rows, camera.height))


def frame_of(optical_frame: str) -> str:
    """Return the frame with x ahead of a camera whose optical frame is known (REP 103).

    camera_color_optical_frame becomes camera_color_frame, camera_optical becomes camera.

    Raises:
        BagError: the name does not end in _optical or _optical_frame.
    """
    try:
        return body_frame(optical_frame)
    except FrameError as error:
        raise BagError(f"{error}, or --scan-frame") from error
