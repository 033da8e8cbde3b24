"""Whole frames as a node answers them: an image in, depth image and cloud out, none published."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu.adapter import Answer, answer
from benchmarks.gpu.device import Device, Mark
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Frame, Pipeline
from depth_ros.profile import Lap

_FOV_DEG = 65.0
_COARSE = (15, 20)
_NOISE = 8
_PROFILED = 20


def picture(width: int, height: int) -> Frame:
    """Return a frame of soft blobs and noise."""
    drawn = np.random.default_rng(0)
    coarse = drawn.uniform(20, 235, (*_COARSE, 3)).astype(np.float32)
    soft = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noisy = soft + drawn.normal(0, _NOISE, soft.shape)
    rgb = np.clip(noisy, 0, 255).astype(np.uint8)
    return Frame(rgb, Camera.from_fov(width, height, _FOV_DEG), stamp_ns=1, frame_id="camera")


class Frames:
    """One frame again and again through a pipeline, into memory as messages have it.

    One by one, each frame is in the messages before the next one begins. In a row, the next one is
    asked for before the last one is fetched, so that the device does not wait for the host.

    Attributes:
        depth, cloud: what the last frame came to.
    """

    def __init__(self, pipeline: Pipeline, device: Device, frame: Frame) -> None:
        self.pipeline, self.frame = pipeline, frame
        self._slots = [_Slot(device), _Slot(device)]
        self.depth, self.cloud = Message(), Message()

    @torch.inference_mode()
    def one(self) -> None:
        """Answer it."""
        self._finish(self._begun())

    @torch.inference_mode()
    def row(self, count: int) -> None:
        """Answer it so many times."""
        waiting = self._begun()
        for _ in range(count - 1):
            begun = self._begun()
            self._finish(waiting)
            waiting = begun
        self._finish(waiting)

    def stages(self) -> list[Lap]:
        """Return how long each stage of a frame takes, one by one."""
        profile = self.pipeline.profile
        for _ in range(_PROFILED):
            with profile.frame():
                self.one()
        return profile.medians()

    def _begun(self) -> _Slot:
        slot = self._slots.pop(0)
        self._slots.append(slot)
        asked = answer(self.pipeline, self.frame)
        self.pipeline.profile.begin("copy")
        slot.fetch(asked)
        return slot

    def _finish(self, slot: _Slot) -> None:
        self.pipeline.profile.begin("copy")
        depth, cloud = slot.arrived()
        self.depth.fill(depth)
        self.cloud.fill(cloud)


class Message:
    """Memory as a message has it: plain, and as large as the largest one so far."""

    def __init__(self) -> None:
        self._memory = torch.empty(0, dtype=torch.uint8)
        self._length = 0

    def fill(self, values: Tensor) -> None:
        """Copy bytes (N,) into it."""
        self._length = len(values)
        if len(self._memory) < self._length:
            self._memory = torch.empty(self._length, dtype=torch.uint8)
        self._memory[: self._length].copy_(values)

    def values(self) -> Tensor:
        """Return its bytes (N,)."""
        return self._memory[: self._length]


class _Slot:
    """Memory of the host that the device writes a frame's answer into."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._buffers = {name: device.staging(0) for name in ("depth", "cloud", "count")}
        self._mark: Mark | None = None
        self._point_bytes = 1

    def fetch(self, asked: Answer) -> None:
        """Let the device write an answer here; see arrived()."""
        self._depth = self._sent("depth", asked.depth.depth_m)
        self._cloud = self._sent("cloud", asked.payload)
        self._count = None if asked.points is None else self._sent("count", asked.points)
        self._point_bytes = asked.payload.shape[-1] * asked.payload.element_size()
        self._mark = self._device.mark()

    def arrived(self) -> tuple[Tensor, Tensor]:
        """Return the bytes of depth and of the points that there are, when they are here."""
        assert self._mark is not None
        self._mark.wait()
        if self._count is None:
            return _bytes(self._depth), _bytes(self._cloud)
        return _bytes(self._depth), _bytes(self._cloud)[: int(self._count) * self._point_bytes]

    def _sent(self, name: str, values: Tensor) -> Tensor:
        values = values.contiguous()
        if self._buffers[name].numel() < values.nbytes:
            self._buffers[name] = self._device.staging(values.nbytes)
        staged = self._buffers[name][: values.nbytes].view(values.dtype).view(values.shape)
        return staged.copy_(values, non_blocking=True)


def _bytes(values: Tensor) -> Tensor:
    return values.reshape(-1).view(torch.uint8)
