"""Whole frames as in the node: an image in, depth image and cloud out, without publishing."""

from __future__ import annotations

import time

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu.adapter import Answer, answer, notices_of, way_of
from benchmarks.gpu.device import Device, Mark
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Frame, Pipeline
from depth_ros.profile import Lap

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
    """One frame repeatedly through a pipeline, into message memory.

    One by one: each frame is in the messages before the next one starts. In a row: the next one is
    started before the last one is fetched, so that the device does not wait for the host.

    Attributes:
        depth, cloud: the result of the last frame.
        notices: the pipeline's notices about its network.
    """

    def __init__(self, pipeline: Pipeline, device: Device, frame: Frame) -> None:
        self.pipeline, self.frame = pipeline, frame
        self.notices = notices_of(pipeline)
        self._device, self._slots = device, [_Slot(device), _Slot(device)]
        self.depth, self.cloud = Message(), Message()

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

    def _begun(self) -> _Slot:
        slot = self._slots.pop(0)
        self._slots.append(slot)
        result = answer(self.pipeline, self.frame)
        self.pipeline.profile.begin("copy")
        slot.fetch(result)
        return slot

    def _finish(self, slot: _Slot) -> None:
        self.pipeline.profile.begin("copy")
        depth, cloud = slot.arrived()
        self.depth.fill(depth)
        self.cloud.fill(cloud)


class Message:
    """Message memory: pageable, as large as the largest message so far."""

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
    """Host memory that the device writes a frame's result into."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._buffers: dict[str, Tensor] = {}
        self._mark: Mark | None = None
        self._point_bytes = 1

    def fetch(self, result: Answer) -> None:
        """Start the copy of a result to here; see arrived()."""
        sources = {"depth": result.depth.depth_m.contiguous(), "cloud": result.payload.contiguous()}
        if result.points is not None:
            sources["points"] = result.points
        self._staged = {name: self._memory(name, source) for name, source in sources.items()}
        pairs = [(self._staged[name], source) for name, source in sources.items()]
        self._mark = self._device.fetch(pairs)
        self._point_bytes = result.payload.shape[-1] * result.payload.element_size()

    def arrived(self) -> tuple[Tensor, Tensor]:
        """Wait for the copy, and return the bytes of depth and of the valid points."""
        assert self._mark is not None
        self._mark.wait()
        depth, cloud = _bytes(self._staged["depth"]), _bytes(self._staged["cloud"])
        points = self._staged.get("points")
        return depth, cloud if points is None else cloud[: int(points) * self._point_bytes]

    def _memory(self, name: str, values: Tensor) -> Tensor:
        """Return memory for values; reuse the last one if it is large enough."""
        buffer = self._buffers.get(name)
        if buffer is None or buffer.numel() < values.nbytes:
            buffer = self._buffers[name] = self._device.staging(values.nbytes)
        return buffer[: values.nbytes].view(values.dtype).view(values.shape)


def _bytes(values: Tensor) -> Tensor:
    return values.reshape(-1).view(torch.uint8)
