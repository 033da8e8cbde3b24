"""Coloured points of a depth image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.cloud import back_project


class ColouredPoints(NamedTuple):
    """Points in a camera's optical frame: float32 (N, 3) in metres, and uint8 (N, 3) rgb."""

    xyz: npt.NDArray[np.float32]
    rgb: npt.NDArray[np.uint8]


def points(rgb: ImageArray, depth_m: DepthArray, camera: Camera, across: int) -> ColouredPoints:
    """Return the points of every n-th pixel and row, with about the given number of columns.

    Args:
        rgb: uint8 (H, W, 3).
        depth_m: (H, W) z-depth; values that are not finite give no point.
        camera: for images of H x W.
        across: approximate number of columns; smaller images are used completely.
    """
    step = max(1, camera.width // across)
    rays = torch.from_numpy(camera.rays()[::step, ::step].copy())
    xyz = back_project(torch.from_numpy(depth_m[::step, ::step].copy()), rays).numpy()
    known = np.isfinite(xyz[..., 2])
    return ColouredPoints(xyz[known], rgb[::step, ::step][known])
