"""What /diagnostics says about a camera."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Pipeline
from depth_ros.ros.health import Health, Level
from depth_ros.ros.receiver import Receiver
from depth_ros.ros.references import TOPIC as ANCHORS
from depth_ros.scale.scaler import FixedScale, Scale, Scaler


class CameraStatus:
    """Reports the health, calibration and scale of a camera.

    Args:
        name: of the status.
        settings: the initial ones; fixed settings do not change.
        health: of the camera.
        receiver: of the camera.

    Attributes:
        camera, scale: of the last frame; None: none yet.
        scaler: measures the scale; None: nothing does.
    """

    def __init__(self, name: str, settings: Settings, health: Health, receiver: Receiver) -> None:
        self._name, self._settings = name, settings
        self._health, self._receiver = health, receiver
        self.clear()

    def clear(self) -> None:
        """Forget the last frame."""
        self.camera: Camera | None = None
        self.scale: Scale | None = None
        self.scaler: Scaler | FixedScale | None = None

    def report(
        self, pipeline: Pipeline | None, state: str, fault: Level | None, restarts: int
    ) -> DiagnosticStatus:
        """Return the status.

        Args:
            pipeline: of the camera; None: no model is loaded.
            state: the node's state if it is not active; else empty.
            fault: a fault of the node; it takes precedence.
            restarts: how many workers ended and were restarted.
        """
        level, text = fault or self._level(state)
        camera = self.camera
        if level == DiagnosticStatus.OK and camera is not None and camera.ray_warning:
            level, text = DiagnosticStatus.WARN, camera.ray_warning
        device = str(pipeline.device) if pipeline else self._settings.device
        stages = pipeline.profile.medians() if pipeline else []
        values = {
            "model": self._settings.model,
            "device": device,
            **self._health.values(),
            "pixels without a ray [%]": f"{100 * camera.share_without_ray:.0f}" if camera else "",
            "worker restarts": str(restarts),
            **self._scale_values(),
            **{f"stage {lap.stage} [ms]": lap.text() for lap in stages},
        }
        return DiagnosticStatus(
            level=level,
            name=self._name,
            message=text,
            hardware_id=device,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )

    def _level(self, state: str) -> Level:
        awaited = self._receiver.awaited
        level, text = self._health.level(state, self._settings.stale_after_s, awaited)
        for event in awaited:
            if text.startswith(f"no {event} "):
                text += f": {self._receiver.inputs.why_silent(event)}"
        return level, text

    def _scale_values(self) -> dict[str, str]:
        """Return the diagnostic values of the scale."""
        mode, scale, scaler = self._settings.scale_mode, self.scale, self.scaler
        values = {"scale mode": mode}
        if mode == "model":
            return values
        if mode == "anchors":
            values["anchors received"] = str(self._health.total(ANCHORS))
        if scale is not None:
            values["scale"] = f"{scale.scale:.4g}"
            values["scale shift"] = f"{scale.shift:.4g}"
            values["scale deviation [%]"] = f"{100 * scale.deviation:.2f}"
            values["scale age [s]"] = f"{scale.age_s:.2f}"
        values["scale not measured, because"] = scaler.refused if scaler else ""
        return values
