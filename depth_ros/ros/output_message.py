"""The message of an output: allocated once, and filled in place for each frame."""

from __future__ import annotations

from array import array
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy.typing as npt
import torch
from sensor_msgs.msg import PointField
from std_msgs.msg import Header
from torch import Tensor

from depth_ros.messages import CloudField
from depth_ros.ros.message_class import message_class


class OutputMessage:
    """A message of one topic.

    Args:
        kind: its type, such as sensor_msgs/msg/Image.

    Attributes:
        kind: rclpy's class of the type.
        message: of the last frame.
    """

    def __init__(self, kind: str) -> None:
        found = message_class(kind)
        assert found is not None
        self.kind: type = found
        self.message: Any = found()

    def fill(self, header: Header, content: dict[str, Any]) -> None:
        """Set its header and all other fields, see messages.image_content() and its like."""
        self.message.header = header
        for name, value in content.items():
            match name:
                case "data":
                    self._copy(torch.from_numpy(value))
                case "fields":
                    self.message.fields = _point_fields(value)
                case "ranges" | "intensities":
                    setattr(self.message, name, _floats(value))
                case _:
                    setattr(self.message, name, value)

    def allocate(self, count: int) -> Tensor:
        """Return its own memory, for count float32."""
        _resize(self.message.data, 4 * count)
        if not count:  # torch cannot view an empty array
            return torch.empty(0)
        return torch.frombuffer(self.message.data, dtype=torch.float32)

    def holds(self, values: Tensor) -> bool:
        """Return whether values are in its own memory."""
        data = getattr(self.message, "data", None)
        return data is not None and data.buffer_info()[0] == values.data_ptr()

    def _copy(self, values: Tensor) -> None:
        """Copy values into its memory, if they are elsewhere: the only copy on the host."""
        data = self.message.data
        _resize(data, values.nbytes)
        if values.nbytes and not self.holds(values):
            torch.frombuffer(data, dtype=values.dtype).view(values.shape).copy_(values)


def _resize(buffer: array[int], size: int) -> None:
    """Set a buffer's length in place, and keep its memory if possible."""
    if len(buffer) > size:
        del buffer[size:]
    else:
        buffer.frombytes(bytes(size - len(buffer)))


def _floats(values: npt.NDArray[Any]) -> array[float]:
    return array("f", values.tobytes())


@cache
def _point_fields(fields: tuple[CloudField, ...]) -> list[PointField]:
    return [PointField(**asdict(field)) for field in fields]
