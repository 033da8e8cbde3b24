"""Agreement of the last frames of a camera with the current one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from depth_ros.arrays import FloatArray
from depth_ros.config import Settings
from depth_ros.geometry import navigation
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.navigation import Pinhole, View
from depth_ros.pipeline.depth_frame import DepthFrame
from depth_ros.pipeline.frame_points import FramePoints
from depth_ros.pipeline.place import Place
from depth_ros.pipeline.recent import Recent
from depth_ros.pipeline.renderer import point_stride

_GAP_NS = 2_000_000_000
"""Frames further apart than this, or out of order, belong to different drives."""
_WIDEST = 2.0  # tangent of half a pinhole's maximum field of view; crops a fisheye's rim


@dataclass(frozen=True)
class _Remembered:
    """A frame that later frames are compared with."""

    stamp_ns: int
    view: View
    optical_from_odom: FloatArray


@dataclass(frozen=True)
class _Lookup:
    """The mapping from points to pixels of a camera.

    Attributes:
        pinhole: the virtual camera in which points are looked up.
        pixels: int64 (h, w), the camera's pixel for each pixel of the virtual camera; -1: no pixel.
            None: both cameras are the same.
    """

    pinhole: Pinhole
    pixels: Tensor | None

    def view(self, depth_m: Tensor, sigma: Tensor) -> View:
        """Return depth and sigma (h, w) in the pixels of the virtual camera."""
        if self.pixels is None:
            return View(depth_m, sigma)
        seen = self.pixels >= 0
        index = self.pixels.clamp_min(0)
        planes = (each.flatten()[index] for each in (depth_m, sigma))
        return View(*(torch.where(seen, plane, torch.nan) for plane in planes))


class FrameAgreement:
    """Keeps the last frames of each camera, which vote on the points of the next frame.

    Args:
        send: copies a tensor from the host to the device of the frames.
    """

    def __init__(self, send: Callable[[Tensor], Tensor]) -> None:
        self._send = send
        self._memories = Recent[Camera, deque[_Remembered]]()
        # Not a cached method: the reference cycle would keep the device's memory.
        self._lookup = lru_cache(maxsize=8)(lambda camera: _lookup(camera, send))

    def of(
        self,
        marks: Tensor,
        points: FramePoints,
        depth: DepthFrame,
        settings: Settings,
        place: Place,
    ) -> Tensor:
        """Return the marks on which enough of the last frames agree; store this frame."""
        pose, memory = place.odom_from_optical, self._memory(depth, settings)
        if settings.nav_frames < 2 or pose is None:
            memory.clear()
            return marks
        step = point_stride(depth.stride, settings)
        lookup = self._lookup(depth.camera.subsample(step))
        if settings.nav_frames_agree > 1:
            marks = self._agreeing(marks, memory, points, lookup, settings, pose)
        depth_m = points.points_m.z.masked_fill(points.beyond, torch.inf)
        view = lookup.view(depth_m, points.shape)
        inverse = np.asarray(np.linalg.inv(pose), np.float64)
        memory.append(_Remembered(depth.stamp_ns, view, inverse))
        return marks

    def _agreeing(
        self,
        marks: Tensor,
        memory: deque[_Remembered],
        frame: FramePoints,
        lookup: _Lookup,
        settings: Settings,
        pose: FloatArray,
    ) -> Tensor:
        """Return the marks (h, w) on which enough frames agree.

        A frame that did not look at a point says nothing about it: the first frames of a drive
        have no others to agree with, nor has what enters the view of a camera that turns.
        """
        if not memory:
            return marks
        points_m, sigma, chosen = frame.points_m.flatten(), frame.shape.flatten(), None
        if marks.device.type == "cpu":  # where nonzero needs no synchronisation
            chosen = marks.flatten().nonzero()[:, 0]
            points_m, sigma = points_m.index_select(chosen), sigma.index_select(0, chosen)
        poses = np.stack([before.optical_from_odom for before in memory]) @ pose
        moved_m = points_m.moved(self._send(torch.from_numpy(poses[:, :3].astype(np.float32))))
        views = [before.view for before in memory]
        votes = navigation.votes(moved_m, sigma, views, lookup.pinhole, settings.nav_sigmas)
        looked, count, through = (vote.sum(0) for vote in votes)
        needed = looked.add_(1).clamp_max_(settings.nav_frames_agree)
        agreed = (count.add_(1) >= needed) & (count > through)
        if chosen is None:
            return marks & agreed.view(marks.shape)
        return torch.zeros_like(marks).view(-1).index_copy_(0, chosen, agreed).view(marks.shape)

    def _memory(self, depth: DepthFrame, settings: Settings) -> deque[_Remembered]:
        """Return the last frames of a camera in this drive, at most the number to compare."""
        most = max(0, settings.nav_frames - 1)
        memory = self._memories.get(depth.camera)
        if memory is None or memory.maxlen != most:
            memory = deque(memory or (), maxlen=most)
        if memory and not 0 < depth.stamp_ns - memory[-1].stamp_ns <= _GAP_NS:
            memory.clear()
        step = point_stride(depth.stride, settings)
        if memory and memory[-1].view.depth_m.shape != depth.depth_m[::step, ::step].shape:
            memory.clear()
        self._memories.put(depth.camera, memory)
        return memory


def _lookup(camera: Camera, send: Callable[[Tensor], Tensor]) -> _Lookup:
    """Return the mapping from points to pixels of a camera."""
    if camera.lens == "none" and not camera.skew:
        return _Lookup(Pinhole(camera.fx, camera.fy, camera.cx, camera.cy), None)
    rays = np.clip(camera.rays().reshape(-1, 2), -_WIDEST, _WIDEST)
    (left, top), (right, bottom) = np.nanmin(rays, 0).tolist(), np.nanmax(rays, 0).tolist()
    fx = (camera.width - 1) / (right - left)
    fy = (camera.height - 1) / (bottom - top)
    pinhole = Pinhole(fx, fy, -left * fx, -top * fy)
    virtual = Camera(camera.width, camera.height, *pinhole)
    ahead = np.concatenate([virtual.rays(), np.ones((camera.height, camera.width, 1))], -1)
    pixels = camera.project(ahead).round()
    size = (camera.width, camera.height)
    inside = ((pixels >= 0) & (pixels < size)).all(-1)
    flat = np.where(inside, pixels[..., 1] * camera.width + pixels[..., 0], -1)
    return _Lookup(pinhole, send(torch.from_numpy(flat.astype(np.int64))))
