"""Frames of a plane: every point has the same distance along its normal, whoever looks at it."""

from __future__ import annotations

import numpy as np
import torch

from depth_ros.geometry.camera import Camera
from depth_ros.training.frames import Batch, Rgbd

CAMERA = Camera(200, 120, 150.0, 160.0, 103.0, 55.0, "plumb_bob", (-0.2, 0.05, 0.001, 0.0, 0.0))
PINHOLE = Camera(200, 150, 150.0, 150.0, 103.0, 70.0)
UPRIGHT = Camera(120, 200, 150.0, 150.0, 60.0, 95.0)
NORMAL, DISTANCE_M = np.array([0.2, 0.3, 1.0]), 2.0


def plane(camera: Camera, seed: int = 0) -> Rgbd:
    """A recorded plane, of random colours."""
    rays = np.dstack([camera.rays(), np.ones((camera.height, camera.width))])
    depth_m = (DISTANCE_M / (rays @ NORMAL)).astype(np.float32)
    rgb = np.random.default_rng(seed).integers(0, 256, (*depth_m.shape, 3)).astype(np.uint8)
    return Rgbd(rgb, depth_m, camera)


def off_plane(batch: Batch, mirrored: bool, roll: torch.Tensor | None = None) -> torch.Tensor:
    """How far the frames' points (B, H, W) are off the plane, or off its mirror image."""
    points = torch.cat([batch.rays, torch.ones_like(batch.rays[..., :1])], -1)
    points = points * batch.depth_m[..., None]
    normal = torch.from_numpy(NORMAL * ([-1, 1, 1] if mirrored else [1, 1, 1])).float()
    return (points @ normal / DISTANCE_M - 1).abs().masked_fill(batch.depth_m <= 0, 0.0)


def same(one: Batch, other: Batch) -> bool:
    """Whether two batches are equal to the bit."""
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
