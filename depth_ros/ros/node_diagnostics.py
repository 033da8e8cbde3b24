"""Publishes /diagnostics of the node, from the watchdog's thread."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import QoSProfile

from depth_ros import calibration
from depth_ros.ros.camera import NodeCamera
from depth_ros.ros.health import Level
from depth_ros.ros.parameters import LiveSettings
from depth_ros.ros.qos import overridable
from depth_ros.ros.watch import Watch
from depth_ros.ros.worker_threads import WorkerThreads

_PERIOD_S = 1.0
# A frame that takes this many times the usual latency is reported as slow.
_SLOW = 5.0


class NodeDiagnostics:
    """Publishes the status of every camera once a second, and at once when the node has a fault.

    Args:
        node: the node that owns the topic.
        live: the node's settings.
        cameras, workers, watch: of the node.
    """

    def __init__(
        self,
        node: Node,
        live: LiveSettings,
        cameras: Sequence[NodeCamera],
        workers: WorkerThreads,
        watch: Watch,
    ) -> None:
        self._node, self._live, self._cameras = node, live, cameras
        self._workers, self._watch = workers, watch
        qos = overridable(QoSProfile(depth=10))
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", **qos)
        self._loading_since_s: float | None = None
        self._said: tuple[float, Level | None] = (0.0, None)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Report inside this context that the model is being loaded."""
        self._loading_since_s = time.monotonic()
        try:
            yield
        finally:
            self._loading_since_s = None

    def update(self) -> None:
        """Publish if it is time, or if there is a new fault."""
        said_s, said = self._said
        due = time.monotonic() - said_s >= _PERIOD_S
        fault = self._fault()
        worse = fault is not None and (said is None or said[0] != fault[0])
        if due or worse:
            self._publish()

    def _publish(self) -> None:
        fault = self._fault()
        self._said = time.monotonic(), fault
        state = "" if self._workers.working else self._state()
        facts = (state, fault, self._workers.restarts)
        report = DiagnosticArray(status=[camera.status(*facts) for camera in self._cameras])
        if told := calibration.guess(self._live.settings):
            for status in report.status:
                status.values.append(KeyValue(key="camera", value=told))
        report.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(report)

    def _state(self) -> str:
        since_s = self._loading_since_s
        if since_s is None:
            return "not active"
        model = self._live.settings.model
        return f"loading model {model} for {time.monotonic() - since_s:.0f} s"

    def _fault(self) -> Level | None:
        """Return the fault of the node's own threads, if any."""
        text = self._watch.fault() or self._workers.fault()
        if text:
            return DiagnosticStatus.ERROR, text
        usual_s = max(camera.health.latency_ms()[1] for camera in self._cameras) / 1e3
        limit_s = max(self._live.settings.stale_after_s, _SLOW * usual_s)
        for each in self._workers.workers:
            if each.abandoned:
                return DiagnosticStatus.ERROR, f"{each.text()}, and is abandoned"
            if each.busy_s > limit_s:
                return DiagnosticStatus.WARN, each.text()
        return None
