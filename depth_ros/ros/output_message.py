"""The message of an output, which refers to the memory of a frame's values."""

from __future__ import annotations

from array import array
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sensor_msgs.msg import PointField
from std_msgs.msg import Header
from torch import Tensor

from depth_ros.messages import CloudField
from depth_ros.ros.message_class import message_class


class OutputMessage:
    """A message of one topic. Its data is not copied: publish() does that.

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
        self._memory = torch.empty(0)

    def fill(self, header: Header, content: dict[str, Any]) -> None:
        """Set its header and all other fields, see messages.image_content() and its like.

        The data must not change before the message is published.
        """
        self.message.header = header
        for name, value in content.items():
            match name:
                case "data":
                    # The property takes arrays only; the conversion to C reads any buffer.
                    self.message._data = value.reshape(-1).view(np.uint8)
                case "fields":
                    self.message.fields = _point_fields(value)
                case "ranges" | "intensities":
                    setattr(self.message, name, _floats(value))
                case _:
                    setattr(self.message, name, value)

    def allocate(self, count: int) -> Tensor:
        """Return its own memory, for count float32, valid until the next call."""
        if self._memory.numel() < count:
            self._memory = torch.empty(count)
        return self._memory[:count]

    def holds(self, values: Tensor) -> bool:
        """Return whether values are in its own memory."""
        return values.data_ptr() == self._memory.data_ptr()


def _floats(values: npt.NDArray[Any]) -> array[float]:
    return array("f", values.tobytes())


@cache
def _point_fields(fields: tuple[CloudField, ...]) -> list[PointField]:
    return [PointField(**asdict(field)) for field in fields]
