"""Whole frames as in the node: an image in, depth image and cloud out, without publishing."""

from __future__ import annotations

import time
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu.adapter import answer, notices_of, way_of
from benchmarks.gpu.device import Device
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Frame, Pipeline
from depth_ros.profile import Lap
from depth_ros.runtimes.download import Download, PendingDownload

_FOV_DEG = 65.0
_COARSE = (15, 20)
_NOISE = 8
_FEWEST = 3


def picture(width: int, height: int) -> Frame:
    """Return a frame of smooth blobs and noise."""
    drawn = np.random.default_rng(0)
    coarse = drawn.uniform(20, 235, (*_COARSE, 3)).astype(np.float32)
    soft = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noisy = soft + drawn.normal(0, _NOISE, soft.shape)
    rgb = np.clip(noisy, 0, 255).astype(np.uint8)
    return Frame(rgb, Camera.from_fov(width, height, _FOV_DEG), stamp_ns=1, frame_id="camera")


class Frames:
    """One frame repeatedly through a pipeline, into the host memory that messages refer to.

    One by one: each frame is on the host before the next one starts. In a row: the next one is
    started before the last one is waited for, so that the device does not wait for the host.

    Attributes:
        depth, cloud: bytes (N,) of the last frame's depth and valid points, until the next frame.
        notices: the pipeline's notices about its network.
    """

    def __init__(self, pipeline: Pipeline, device: Device, frame: Frame) -> None:
        self.pipeline, self.frame = pipeline, frame
        self.notices = notices_of(pipeline)
        self._device, self._downloads = device, (Download(), Download())
        self.depth = self.cloud = torch.empty(0, dtype=torch.uint8)

    @torch.inference_mode()
    def one(self) -> None:
        """Process one frame."""
        self._finish(self._begun())

    @torch.inference_mode()
    def row(self, count: int) -> None:
        """Process the given number of frames in a row."""
        waiting = self._begun()
        for _ in range(count - 1):
            begun = self._begun()
            self._finish(waiting)
            waiting = begun
        self._finish(waiting)

    def stages(self, seconds: float) -> list[Lap]:
        """Return the time of each stage of a frame, one by one, measured for some seconds."""
        profile, end_s, count = self.pipeline.profile, time.perf_counter() + seconds, 0
        while count < _FEWEST or time.perf_counter() < end_s:
            with profile.frame():
                self.one()
            count += 1
        self._device.synchronise()
        return profile.medians()

    @property
    def way(self) -> str:
        """How the pipeline runs its network, known after a frame."""
        return way_of(self.pipeline, self.notices)

    def _begun(self) -> Sequence[PendingDownload]:
        result = answer(self.pipeline, self.frame)
        self.pipeline.profile.begin("copy")
        depth, cloud = self._downloads
        return depth.start(result.depth.depth_m), cloud.start(result.payload, result.points)

    def _finish(self, waiting: Sequence[PendingDownload]) -> None:
        self.pipeline.profile.begin("land")
        self.depth, self.cloud = (_bytes(each.wait()) for each in waiting)
        for each in waiting:
            each.release()


def _bytes(values: Tensor) -> Tensor:
    return values.reshape(-1).view(torch.uint8)
