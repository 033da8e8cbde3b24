"""The memory that a model carries from frame to frame of the same camera."""

from __future__ import annotations

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Memory
from depth_ros.pipeline.frame import Frame
from depth_ros.pipeline.recent import Recent

# Within this time the scene is assumed to be the same.
_MAX_AGE_NS = 1_000_000_000


class FrameMemory:
    """Keeps the model's memory of the last frame of each camera."""

    def __init__(self) -> None:
        self._kept = Recent[tuple[str, Camera], tuple[int, Memory]]()

    def recall(self, frame: Frame) -> Memory | None:
        """Return the memory of the frame before; None after a jump in time or a long gap."""
        stamp_ns, memory = self._kept.get((frame.frame_id, frame.camera)) or (0, None)
        return memory if 0 < frame.stamp_ns - stamp_ns <= _MAX_AGE_NS else None

    def remember(self, frame: Frame, memory: Memory) -> None:
        """Keep the memory of a frame, for the most recently used cameras."""
        self._kept.put((frame.frame_id, frame.camera), (frame.stamp_ns, memory))
