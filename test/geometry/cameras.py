"""Cameras with every lens model, their pixels and points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from depth_ros.arrays import FloatArray
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.lens import Lens

WIDTH, HEIGHT = 64, 40
# Coefficients of real lenses: a webcam, a strong barrel, a factory calibration with eight
# coefficients (an Azure Kinect's are of this size), a 180 degree fisheye.
LENSES: dict[Lens, tuple[float, ...]] = {
    "none": (),
    "plumb_bob": (-0.28, 0.09, 0.0011, -0.0007, -0.014),
    "rational_polynomial": (0.46, -2.51, 0.0008, -0.0002, 1.45, 0.34, -2.34, 1.38),
    "equidistant": (-0.04, 0.012, -0.004, 0.0006),
}


def camera_with(lens: Lens, coefficients: tuple[float, ...], focal_px: float = 50.0) -> Camera:
    # cx and cy are off the centre, fx is not fy: mixing up an axis shows.
    return Camera(WIDTH, HEIGHT, focal_px, focal_px * 1.1, 29.3, 21.7, lens, coefficients)


EIGHT = LENSES["rational_polynomial"]
PRISM = (*EIGHT, 0.012, -0.004, -0.009, 0.003)
TILT = (*PRISM, 0.05, -0.08)
CAMERAS = [camera_with(lens, coefficients) for lens, coefficients in LENSES.items()]
CAMERAS += [camera_with("rational_polynomial", coefficients) for coefficients in (PRISM, TILT)]
# As `camera_calibration --fisheye` gives it.
CAMERAS += [replace(camera_with("equidistant", LENSES["equidistant"]), skew=-0.012)]
any_camera = pytest.mark.parametrize(
    "camera", CAMERAS, ids=lambda c: f"{c.lens}{len(c.coefficients)}{'-skew' if c.skew else ''}"
)


def pixel_grid(camera: Camera, every: int = 3) -> FloatArray:
    u, v = np.meshgrid(np.arange(0, camera.width, every), np.arange(0, camera.height, every))
    return np.stack([u, v], axis=-1).astype(np.float64)


def points_of(rays: FloatArray, z: float = 2.5) -> FloatArray:
    return np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * z
