"""The state of a camera's scale that lasts from frame to frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from depth_ros.geometry.camera import Camera
from depth_ros.pipeline.recent import Recent
from depth_ros.scale.flicker import FlickerFilter
from depth_ros.scale.scaler import FixedScale, Scaler


@dataclass(frozen=True)
class CameraState:
    """The state of one camera that lasts from frame to frame.

    Attributes:
        scaler: makes predictions metric with a reference.
        steadier: reduces the flicker of a metric network's scale.
    """

    scaler: Scaler | FixedScale = field(default_factory=Scaler)
    steadier: FlickerFilter = field(default_factory=FlickerFilter)

    def as_dict(self) -> dict[str, Any]:
        """Return the state in types that JSON supports."""
        return {"scale": self.scaler.as_dict(), "steady": self.steadier.as_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state that as_dict() returned.

        Raises:
            ScaleError: the state is invalid.
            KeyError: it has other fields.
        """
        self.scaler.restore(state["scale"])
        self.steadier.restore(state["steady"])


class CameraStates:
    """The states of a pipeline's cameras; keeps the most recently used ones.

    Args:
        new: returns the initial state of a camera.
    """

    def __init__(self, new: Callable[[], CameraState] = CameraState) -> None:
        self._new = new
        self._states = Recent[Camera, CameraState]()

    def of(self, camera: Camera) -> CameraState:
        """Return the state of a camera."""
        state = self._states.get(camera) or self._new()
        self._states.put(camera, state)
        return state

    def fork(self) -> CameraStates:
        """Return empty states with the same initial state."""
        return CameraStates(self._new)

    def clear(self) -> None:
        """Forget every camera."""
        self._states.clear()
