"""Three virtual pinholes side by side: the alternative to one, which sees more."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Frame, Pipeline

_YAWS_DEG = (-60.0, 0.0, 60.0)
_FOV_DEG = 100.0

Depth = npt.NDArray[np.float32]


class Merged(NamedTuple):
    """Depth of several pinholes on the pixels of a lens.

    Attributes:
        depth_m: (H, W) z-depth of the lens's camera, at each pixel from the pinhole that sees it
            nearest to its centre.
        jump: median over the pinholes' common pixels of the relative difference of their depth.
    """

    depth_m: Depth
    jump: float


def merged(pipeline: Pipeline, frame: Frame) -> Merged:
    """Return the depth of a frame by one run of the network for each pinhole."""
    lens, f_px = frame.camera, frame.camera.f_px
    width = round(2 * f_px * math.tan(math.radians(_FOV_DEG / 2)))
    size = width, round(width * lens.height / lens.width)
    pinhole = Camera(*size, f_px, f_px, (size[0] - 1) / 2, (size[1] - 1) / 2)
    views = [_one(pipeline, frame, pinhole, math.radians(yaw)) for yaw in _YAWS_DEG]
    depths_m = np.stack([depth_m for depth_m, _ in views])
    nearness = np.stack([np.where(np.isfinite(depth_m), near, -1) for depth_m, near in views])
    best = np.take_along_axis(depths_m, nearness.argmax(axis=0)[None], axis=0)[0]
    ratios = np.abs(np.log(depths_m[1:] / depths_m[:-1]))
    return Merged(best, float(np.median(ratios[np.isfinite(ratios)])))


def _one(pipeline: Pipeline, frame: Frame, pinhole: Camera, yaw: float) -> tuple[Depth, FloatArray]:
    """Return z-depth of the lens's camera (H, W), and the cosine off the pinhole's axis."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    lens_from_pinhole = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    source = frame.camera.project(_ahead(pinhole) @ lens_from_pinhole.T)
    rgb = _sampled(frame.rgb, source, cv2.BORDER_CONSTANT)
    seen = pipeline(replace(frame, rgb=rgb, camera=pinhole)).depth_m.cpu().numpy()
    ahead = _ahead(frame.camera) @ lens_from_pinhole  # in the pinhole's frame
    pixels = pinhole.project(ahead)
    inside = (pixels >= 0).all(-1) & (pixels <= (pinhole.width - 1, pinhole.height - 1)).all(-1)
    depth_m = _sampled(seen, pixels, cv2.BORDER_REPLICATE) / ahead[..., 2]
    near = ahead[..., 2] / np.linalg.norm(ahead, axis=-1)
    return np.where(inside, depth_m, np.nan).astype(np.float32), near


def _ahead(camera: Camera) -> FloatArray:
    rays = camera.rays().astype(np.float64)
    return np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1)


def _sampled(image: npt.NDArray[Any], pixels: FloatArray, border: int) -> npt.NDArray[Any]:
    places = np.nan_to_num(pixels, nan=-1e4).astype(np.float32)
    return cv2.remap(image, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=border)
