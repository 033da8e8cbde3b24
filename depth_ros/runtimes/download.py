"""Results from a network's device to the host's memory."""

from __future__ import annotations

import torch
from torch import Tensor


class Download:
    """Brings results to the host.

    On the CPU they stay where they are. From CUDA they come by way of one page-locked buffer, as
    large as the largest result so far: the device writes it by itself, at the bus's full speed.
    """

    def __init__(self) -> None:
        self._buffer = torch.empty(0, dtype=torch.uint8)

    def __call__(self, values: Tensor) -> Tensor:
        """Return values on the host, valid until the next call; those of the CPU as they are."""
        if values.device.type == "cpu":
            return values
        values = values.contiguous()
        if self._buffer.numel() < values.nbytes:
            self._buffer = torch.empty(values.nbytes, dtype=torch.uint8, pin_memory=True)
        staged = self._buffer[: values.nbytes].view(values.dtype).view(values.shape)
        staged.copy_(values, non_blocking=True)
        torch.cuda.current_stream(values.device).synchronize()
        return staged
