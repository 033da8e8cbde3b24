"""Images from the host's memory to a network's device."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class Upload:
    """Brings images to a device.

    On the CPU they stay where they are. To CUDA they go by way of two page-locked buffers in turn:
    the device fetches one image while the host goes on, and may write the next one.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._slots: list[_Slot] = []
        if device.type == "cuda":
            self._slots = [_Slot(), _Slot()]

    def __call__(self, image: npt.NDArray[np.uint8]) -> Tensor:
        """Return an image on the device; on the CPU it is the image's own memory if it can be."""
        if not self._slots:
            # torch cannot express read-only memory and warns about it: bags decode into such.
            return torch.from_numpy(image if image.flags.writeable else image.copy())
        slot = self._slots.pop(0)
        self._slots.append(slot)
        return slot.send(image, self._device)


class _Slot:
    """A page-locked buffer, as large as the largest image so far."""

    def __init__(self) -> None:
        self._buffer = torch.empty(0, dtype=torch.uint8)
        self._fetched: Any = torch.cuda.Event()

    def send(self, image: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
        self._fetched.synchronize()  # the image before the last one: long ago
        if self._buffer.numel() < image.size:
            self._buffer = torch.empty(image.size, dtype=torch.uint8, pin_memory=True)
        staged = self._buffer[: image.size].view(image.shape)
        np.copyto(staged.numpy(), image)
        sent = staged.to(device, non_blocking=True)
        self._fetched.record(torch.cuda.current_stream(device))
        return sent
