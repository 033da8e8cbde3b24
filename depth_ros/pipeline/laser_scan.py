"""A laser scan from depth: its beams, frame and maximum range."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.scan import Beams, beams_of, body_frame
from depth_ros.pipeline.depth_frame import DepthFrame
from depth_ros.pipeline.frame_points import range_end_m
from depth_ros.pipeline.place import Place

SCAN_FAR_M = 100.0
"""Maximum range of a scan if neither the settings nor the model limit it."""


class Scan(NamedTuple):
    """A laser scan: beams, and ranges float32 (beams.size,) in metres on the device."""

    beams: Beams
    ranges_m: Tensor


def scan_frame(settings: Settings, place: Place, optical_frame: str) -> str:
    """Return the frame of a scan, see Navigator.scan.

    Raises:
        FrameError: no frame is known.
    """
    if in_band(settings, place) and place.ground_frame:
        return place.ground_frame
    return settings.scan_frame or body_frame(optical_frame)


def scan_far_m(settings: Settings, place: Place, depth: DepthFrame, beams: Beams) -> float:
    """Return the maximum range of a scan in metres."""
    if not in_band(settings, place):
        far_m = depth.far_m if math.isfinite(depth.far_m) else SCAN_FAR_M
        # The limit is a z-depth: ranges are longer at the sides.
        return far_m / min(math.cos(beams.angle_min), math.cos(beams.angle_max))
    assert place.ground_from_optical is not None
    far_m = range_end_m(depth, settings)
    offset_m = float(np.hypot(*place.ground_from_optical[:2, 3]))
    return (far_m if math.isfinite(far_m) else SCAN_FAR_M) + offset_m


def in_band(settings: Settings, place: Place) -> bool:
    """Return whether a scan uses a band of heights above the ground."""
    known = place.mount is not None and place.ground_from_optical is not None
    return known and settings.scan_height_band_m[1] > settings.scan_height_band_m[0]


def beams_in(camera: Camera, step: int, pose: bytes, far_m: float, banded: bool) -> Beams:
    """Return the beams of a camera; pose, in the scan's frame, is 16 float64 as bytes."""
    rays, matrix = camera.rays()[::step, ::step], np.frombuffer(pose).reshape(4, 4)
    # Seen from another position than the camera's, pixels are not evenly spaced.
    count = -(-rays.shape[1] // 2) if banded else rays.shape[1]
    return beams_of(rays, matrix, far_m if math.isfinite(far_m) else SCAN_FAR_M, count)


def axis_row(camera: Camera, step: int, like: Tensor) -> Tensor:
    """Return a mask (h, w) of the row of the optical axis, or of the row nearest to it."""
    row = min(max(0, round(camera.cy)), camera.height - 1)
    mask = torch.zeros_like(like)
    mask[min(row // step, like.shape[0] - 1)] = True
    return mask
