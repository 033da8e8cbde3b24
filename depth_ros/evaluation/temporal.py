"""Temporal consistency of depth: alignment error between frames."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from depth_ros.arrays import DepthArray, FloatArray
from depth_ros.evaluation.metrics import known
from depth_ros.geometry.camera import Camera


class View(NamedTuple):
    """Depth (H, W) in metres, its camera, and the 4x4 pose: world from optical frame."""

    depth_m: DepthArray
    camera: Camera
    world_from_camera: FloatArray


def temporal_alignment_error(one: View, next_: View) -> float:
    """Return the temporal alignment error [%] of two neighbouring frames, mean of both directions.

    Every point is transformed by the true motion to the other view, to the nearest pixel there, and
    its depth is compared with that view's by AbsRel. A clip's TAE is the mean over its neighbouring
    frames.

    Source: Video-Depth-Anything (arXiv 2501.12375), eval_tae.py, including its simplifications: of
    several points in a pixel the last one counts, not the nearest; without common points the error
    is 0.
    """
    return 50 * (_error(one, next_) + _error(next_, one))


def _error(source: View, target: View) -> float:
    warped_m = _warp(source, target)
    both = known(warped_m) & known(target.depth_m)
    if not both.any():
        return 0.0
    truth = target.depth_m[both].astype(np.float64)
    return float(np.mean(np.abs(warped_m[both] - truth) / truth))


def _warp(source: View, target: View) -> FloatArray:
    """Return the depth (H, W) of a view's points in another view; 0 without a point."""
    depth = source.depth_m[..., None].astype(np.float64)
    rays = source.camera.rays()
    points = np.concatenate([rays * depth, depth], axis=-1)[known(source.depth_m)]
    motion = np.linalg.inv(target.world_from_camera) @ source.world_from_camera
    points = points @ motion[:3, :3].T + motion[:3, 3]
    pixels = np.round(target.camera.project(points))
    height, width = target.depth_m.shape
    inside = ((pixels >= 0) & (pixels < (width, height))).all(axis=1)
    u, v = pixels[inside].astype(int).T
    warped_m = np.zeros((height, width))
    warped_m[v, u] = points[inside, 2]
    return warped_m
