"""Copies of images from host memory to a network's device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from depth_ros.arrays import ImageArray


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Return a small host tensor on a device, without waiting for the device."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


class Upload:
    """Copies images to a device.

    On the CPU they stay where they are. To CUDA they are copied through two page-locked buffers in
    turn: the device fetches one image while the host writes the next one. The copies have their
    own stream: an image is copied while the network works on the frame before. The caller's
    current stream waits for the copy.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._slots: list[_Slot] = []
        if device.type == "cuda":
            stream = torch.cuda.Stream(device)
            self._slots = [_Slot(stream), _Slot(stream)]

    def __call__(self, image: ImageArray) -> Tensor:
        """Return an image on the device; on the CPU without a copy if the image is writeable."""
        if not self._slots:
            # torch has no read-only tensors and warns about them: images of bags are read-only.
            return torch.from_numpy(image if image.flags.writeable else image.copy())
        slot = self._slots.pop(0)
        self._slots.append(slot)
        return slot.send(image, self._device)


class _Slot:
    """A page-locked buffer, as large as the largest image so far."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._buffer = torch.empty(0, dtype=torch.uint8)
        self._stream = stream
        self._fetched: Any = torch.cuda.Event()

    def send(self, image: ImageArray, device: torch.device) -> Tensor:
        self._fetched.synchronize()  # of the image before the last one: done long ago
        if self._buffer.numel() < image.size:
            self._buffer = torch.empty(image.size, dtype=torch.uint8, pin_memory=True)
        staged = self._buffer[: image.size].view(image.shape)
        np.copyto(staged.numpy(), image)
        current = torch.cuda.current_stream(device)
        with torch.cuda.stream(self._stream):
            image_sent = staged.to(device, non_blocking=True)
            self._fetched.record(self._stream)
        current.wait_event(self._fetched)
        image_sent.record_stream(current)  # otherwise its memory would be reused too early
        return image_sent
