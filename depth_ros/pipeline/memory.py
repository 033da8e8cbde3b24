"""The memory that a model carries from frame to frame of the same camera."""

from __future__ import annotations

from collections import OrderedDict

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Memory
from depth_ros.pipeline.frame import Frame

# Within this time the scene is assumed to be the same.
_MAX_AGE_NS = 1_000_000_000
_MAX_CAMERAS = 8


class FrameMemory:
    """Keeps the model's memory of the last frame of each camera."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Camera], tuple[int, Memory]] = OrderedDict()

    def recall(self, frame: Frame) -> Memory | None:
        """Return the memory of the frame before; None after a jump in time or a long gap."""
        stamp_ns, memory = self._kept.get((frame.frame_id, frame.camera), (0, None))
        return memory if 0 < frame.stamp_ns - stamp_ns <= _MAX_AGE_NS else None

    def remember(self, frame: Frame, memory: Memory) -> None:
        """Keep the memory of a frame, for the most recently used cameras."""
        key = (frame.frame_id, frame.camera)
        self._kept.pop(key, None)
        self._kept[key] = (frame.stamp_ns, memory)
        while len(self._kept) > _MAX_CAMERAS:
            self._kept.popitem(last=False)
