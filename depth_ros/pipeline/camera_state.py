"""What frames of a camera have told about the scale of its depth, for the frames to come."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from depth_ros.geometry.camera import Camera
from depth_ros.scale.flicker import FlickerFilter
from depth_ros.scale.scaler import FixedScale, Scaler

_MAX_CAMERAS = 8


@dataclass(frozen=True)
class CameraState:
    """The state of one camera that lasts from frame to frame.

    Attributes:
        scaler: makes predictions metric by a reference.
        steadier: reduces the flicker of a metric network's scale.
    """

    scaler: Scaler | FixedScale = field(default_factory=Scaler)
    steadier: FlickerFilter = field(default_factory=FlickerFilter)

    def as_dict(self) -> dict[str, Any]:
        """Return the state in JSON's own types."""
        return {"scale": self.scaler.as_dict(), "steady": self.steadier.as_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state of as_dict().

        Raises:
            ScaleError: it is not such a state.
            KeyError: it has other fields.
        """
        self.scaler.restore(state["scale"])
        self.steadier.restore(state["steady"])


class CameraStates:
    """The states of the cameras that a pipeline works for; the least recently used is forgotten.

    Args:
        new: makes the state of a camera that is new.
    """

    def __init__(self, new: Callable[[], CameraState] = CameraState) -> None:
        self._new = new
        self._states: OrderedDict[Camera, CameraState] = OrderedDict()

    def of(self, camera: Camera) -> CameraState:
        """Return the state of a camera."""
        state = self._states.pop(camera, None) or self._new()
        self._states[camera] = state
        while len(self._states) > _MAX_CAMERAS:
            self._states.popitem(last=False)
        return state

    def fork(self) -> CameraStates:
        """Return states of the same kind, of no camera yet."""
        return CameraStates(self._new)

    def clear(self) -> None:
        """Forget every camera."""
        self._states.clear()
