"""A frame whose depth is known in every pixel: a ramp, with a hole, and a wall that is too far."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from depth_ros.geometry.camera import Camera

# Neither square nor centred: mixing up an axis shows.
CAMERA = Camera(64, 48, 60.0, 57.0, 30.25, 25.5, "plumb_bob", (-0.1, 0.02, 0.001, -0.002, 0.0))
START_NS = 1_700_000_000_123_456_789
STEP_NS = 100_000_000


class Shot(NamedTuple):
    """What a watcher is shown, after the camera's name."""

    stamp_ns: int
    rgb: npt.NDArray[np.uint8]
    depth_m: npt.NDArray[np.float32]
    camera: Camera


def shot(number: int, camera: Camera = CAMERA) -> Shot:
    """Return the frame of a number, all of one grey that tells the number."""
    height, width = camera.height, camera.width
    rgb = np.full((height, width, 3), 10 + 6 * (number % 40), np.uint8)
    depth_m = np.linspace(1.2, 3.5, height * width, dtype=np.float32).reshape(height, width)
    depth_m[5:15, 10:30] = np.nan
    depth_m[20:25, 40:50] = np.inf
    return Shot(START_NS + number * STEP_NS, rgb, depth_m, camera)
