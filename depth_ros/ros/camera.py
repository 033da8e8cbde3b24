"""One camera of the node: its topics, its state, and its health."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from depth_ros import calibration, messages
from depth_ros.config import Settings
from depth_ros.engine import Answer
from depth_ros.errors import CameraError, DepthError, FrameError, MessageError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.models import Output
from depth_ros.pipeline import Frame, Pipeline, Place
from depth_ros.ros.camera_infos import CameraInfos
from depth_ros.ros.diagnostics import Health, Level, key_values
from depth_ros.ros.extrinsics import Extrinsics
from depth_ros.ros.inputs import Inputs
from depth_ros.ros.job import NodeJob, QueuedImage
from depth_ros.ros.pending_output import PendingOutput
from depth_ros.ros.publishers import Outputs
from depth_ros.ros.references import TOPIC as ANCHORS
from depth_ros.ros.references import References
from depth_ros.scale.scaler import FixedScale, Reference, Scale, Scaler

_WARN_PERIOD_S = 5.0
# After this silence the ROS graph is queried for what is published now.
_TEND_AFTER_S = 0.5


class NodeCamera:
    """One camera of the node, with its own topics, scale and counters.

    The executor's thread receives messages and reports health. A worker's thread turns images into
    jobs; the same thread, or on a GPU another one, publishes the outputs. While a worker processes
    an image of a camera, the mailbox gives no other worker an image of this camera.

    Args:
        node: the node that owns the topics.
        name: prefix of the topic names; empty: no prefix.
        settings: the initial ones; fixed settings do not change.
        deliver: queues an image for the workers; returns the image that is discarded for it.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        settings: Settings,
        deliver: Callable[[QueuedImage], QueuedImage | None],
    ) -> None:
        self.name, self.health = name, Health()
        self.pipeline: Pipeline | None = None
        self.references: References | None = None
        self.extrinsics: Extrinsics | None = None
        self._node, self._settings, self._deliver = node, settings, deliver
        self._prefix = f"{name}/" if name else ""
        self._inputs = Inputs(
            node,
            self._prefix,
            settings.image_transport,
            self._on_image,
            self._on_info,
            partial(self.health.count, "lost"),
            settings.max_image_pixels,
        )
        self._outputs: Outputs | None = None
        self._scale: Scale | None = None
        self._scaler: Scaler | FixedScale | None = None
        self._infos = CameraInfos(settings, self._inputs.info)
        self._camera: Camera | None = None
        self._warned_s: dict[tuple[str, type], float] = {}
        self._silent: set[str] = set()
        self._groundless = False

    # --- the executor's thread

    def configure(
        self, pipeline: Pipeline, extrinsics: Extrinsics | None, overlapped: bool = False
    ) -> None:
        """Announce the outputs of a pipeline.

        Args:
            pipeline: this camera's own; it shares no scale with another camera.
            extrinsics: poses, if the scale is measured with something other than the image.
            overlapped: whether another thread publishes what a worker launches.
        """
        model = pipeline.model
        relative = model.entry.output is not Output.METRIC_DEPTH
        kinds = (pipeline.metric, relative, model.denoises)
        self._outputs = Outputs(self._node, *kinds, pipeline.profile, self._prefix, overlapped)
        self.extrinsics = extrinsics
        if extrinsics is not None and pipeline.settings.scale_mode != "model":
            about = (self._settings, self.health.count, self._prefix)
            self.references = References(self._node, extrinsics, *about)
        self.pipeline, self.health.model_failed = pipeline, False
        if told := calibration.guess(pipeline.settings):
            self._node.get_logger().warning(f"{self._topic('image')}: {told}")

    def start(self) -> None:
        """Subscribe."""
        self.health.started_s = time.monotonic()
        self._silent.clear()
        self._inputs.start()
        if self.references is not None:
            self.references.start()

    def stop(self) -> None:
        """Unsubscribe."""
        self._inputs.stop()
        if self.references is not None:
            self.references.stop()

    def tend(self) -> None:
        """Handle inputs that stay silent; the executor calls this periodically."""
        silent = {event for event in self._awaited() if self.health.silent_s(event) > _TEND_AFTER_S}
        if silent:
            self._inputs.tend()
        stale = {e for e in silent if self.health.silent_s(e) > self._settings.stale_after_s}
        for event in sorted(stale - self._silent):
            self._node.get_logger().warning(f"no {event}: {self._inputs.why_silent(event)}")
        self._silent = stale

    def _awaited(self) -> list[str]:
        """Return the events that are expected periodically."""
        return ["image"] if self._inputs.latched else ["image", "camera_info"]

    def clean_up(self) -> None:
        """Destroy the outputs and release the pipeline; call stop() before."""
        if self._outputs is not None:
            self._outputs.destroy()
        self._outputs, self.pipeline, self.references = None, None, None
        self.extrinsics, self._groundless = None, False
        self._scale, self._scaler = None, None
        self._infos.clear()
        self._camera = None

    def fail(self, error: BaseException) -> None:
        """Record that no model is available."""
        self.health.model_failed = True
        self.health.last_error = str(error) or type(error).__name__

    def status(self, state: str, fault: Level | None, restarts: int) -> DiagnosticStatus:
        """Return the camera's health.

        Args:
            state: the node's state if it is not active; else empty.
            fault: a fault of the node; it takes precedence.
            restarts: how many workers ended and were restarted.
        """
        settings, pipeline = self._settings, self.pipeline
        level, text = fault or self._level(state)
        camera = self._camera
        if level == DiagnosticStatus.OK and camera is not None and camera.ray_warning:
            level, text = DiagnosticStatus.WARN, camera.ray_warning
        device = str(pipeline.device) if pipeline else settings.device
        stages = pipeline.profile.medians() if pipeline else []
        return DiagnosticStatus(
            level=level,
            name=f"{self._node.get_fully_qualified_name()}: {self.name or 'depth'}",
            message=text,
            hardware_id=device,
            values=key_values([("model", settings.model), ("device", device)])
            + self.health.values()
            + key_values(
                [
                    ("pixels without a ray [%]", _percent_without_ray(camera)),
                    ("worker restarts", str(restarts)),
                ]
            )
            + key_values(self._scale_values())
            + key_values([(f"stage {lap.stage} [ms]", lap.text()) for lap in stages]),
        )

    def _level(self, state: str) -> Level:
        stale_after_s = self._settings.stale_after_s
        level, text = self.health.level(state, stale_after_s, self._awaited())
        for event in self._awaited():
            if text.startswith(f"no {event} "):
                text += f": {self._inputs.why_silent(event)}"
        return level, text

    def _scale_values(self) -> list[tuple[str, str]]:
        """Return the diagnostic values of the scale."""
        mode, scale, scaler = self._settings.scale_mode, self._scale, self._scaler
        values = [("scale mode", mode)]
        if mode == "model":
            return values
        if mode == "anchors":
            values.append(("anchors received", str(self.health.total(ANCHORS))))
        if scale is not None:
            values += [
                ("scale", f"{scale.scale:.4g}"),
                ("scale shift", f"{scale.shift:.4g}"),
                ("scale deviation [%]", f"{100 * scale.deviation:.2f}"),
                ("scale age [s]", f"{scale.age_s:.2f}"),
            ]
        return [*values, ("scale not measured, because", scaler.refused if scaler else "")]

    def _on_image(self, message: Image | CompressedImage) -> None:
        self.health.count("image")
        if self._settings.gives_camera:
            self.health.count("camera_info")  # none is needed
        image = QueuedImage(self, message, time.monotonic())
        try:
            self._check(message)  # before it can replace a valid image
        except (MessageError, CameraError) as error:
            self.drop(image, error)
            return
        lost = self._deliver(image)
        if lost is not None:
            lost.count_all("dropped" if lost is image else "replaced")

    def _check(self, message: Image | CompressedImage) -> None:
        """Raise an error for an invalid image, as far as this is known without decoding it."""
        messages.check_stamp(message.header)
        if isinstance(message, CompressedImage):
            width, height = messages.check_compressed(message, self._settings.max_image_pixels)
        else:
            messages.check_image(message, self._settings.untyped_order)
            width, height = message.width, message.height
        # An image of an unknown camera must not allocate memory of the size that it claims.
        self._infos.of(message.header.frame_id, width, height)

    def _on_info(self, message: CameraInfo) -> None:
        self.health.count("camera_info")
        try:
            self._infos.add(message)
        except DepthError as error:
            self._warn("camera_info", error)

    # --- a worker's thread

    def job(self, image: QueuedImage, settings: Settings) -> NodeJob | None:
        """Decode an image and find out which outputs are needed; None without subscribers.

        Args:
            image: the message.
            settings: for this image.

        Raises:
            MessageError: the image cannot be decoded.
            CameraError: no camera_info describes it.
        """
        assert self.pipeline is not None and self._outputs is not None
        pipeline = self.pipeline.with_settings(settings)
        if not self._outputs.have_subscribers(settings.publish_points):
            image.count("unheard")
            return None
        pipeline.profile.begin("decode")
        header, rgb = image.message.header, messages.rgb_from(image.message, settings)
        known = self._infos.of(header.frame_id, rgb.shape[1], rgb.shape[0])
        frame = Frame(rgb, known.camera, messages.stamp_ns(header), header.frame_id)
        self._check_rays(frame.camera)
        if self.references is not None:
            self._scaler = pipeline.state(frame.camera).scaler
        wanted = self._outputs.wanted(settings.publish_points)
        find = partial(self._reference, header, frame.camera, settings)
        return NodeJob(frame, pipeline, wanted, find, image, known.depth_info)

    def outputs(self, answer: Answer[NodeJob]) -> Iterator[PendingOutput]:
        """Yield the outputs of an answer in publishing order.

        Each output is computed only when it is requested. Nothing here waits for the device.
        """
        outputs, job = self._outputs, answer.job
        assert outputs is not None
        relative = job.wanted.relative and answer.estimate is not None
        if answer.error is None or relative:  # without depth there is no camera_info
            yield from outputs.info(job.header, job.info)
        if relative and answer.estimate is not None:
            yield from outputs.relative(answer.estimate, job.header)
        if answer.depth is not None:
            self._scale = answer.depth.scale
            place = partial(self._place, job.header, job.pipeline.settings)
            yield from outputs.pending(job.pipeline, answer.depth, job.header, place)

    def finish(self, image: QueuedImage) -> None:
        """Count an image after all of its outputs are published."""
        self.health.model_failed = False
        image.count("answered")
        self.health.add_latency(time.monotonic() - image.time_s)

    def drop(self, image: QueuedImage, error: BaseException) -> None:
        """Count an image that cannot be processed, and log a warning."""
        if not isinstance(error, (MessageError, CameraError, FrameError, ScaleError)):
            self.health.model_failed = True
        self._warn("image", error)
        image.count("dropped")

    def _check_rays(self, camera: Camera) -> None:
        """Warn if the calibration of a new camera leaves many pixels without a viewing ray."""
        if camera != self._camera:
            self._camera = camera
            if camera.ray_warning:
                self._warn("camera_info", CameraError(camera.ray_warning), "used, but")

    def _reference(self, header: Header, camera: Camera, settings: Settings) -> Reference | None:
        """Return the scale reference for the frame; None if it is not known."""
        if self.references is None:
            return None
        try:
            return self.references.of(header, camera, settings)
        except (ScaleError, MessageError, CameraError) as error:
            assert self.pipeline is not None
            self.pipeline.state(camera).scaler.refuse(str(error))
            by_ground = settings.scale_mode == "ground"
            topic, fate = ("image", "gives no scale") if by_ground else (ANCHORS, "unused")
            self._warn(topic, error, fate)
            return None

    def _place(self, header: Header, settings: Settings) -> Place:
        """Return the camera's pose, as far as it is known; warn once about what is unknown."""
        extrinsics = self.extrinsics
        if extrinsics is None:  # until the executor's thread finds subscribers
            return Place()
        place = extrinsics.place(header, settings, self._warn_of_ground)
        self._groundless = self._groundless and place.mount is None
        return place

    def _warn_of_ground(self, why: str) -> None:
        if not self._groundless:
            self._groundless = True
            self._node.get_logger().warning(
                f"{self._topic('points/nav')}: published without heights above the ground: {why}"
            )

    @property
    def needs_extrinsics(self) -> bool:
        """Whether topics with subscribers need extrinsics that are missing."""
        outputs = self._outputs
        return self.extrinsics is None and outputs is not None and outputs.need_place()

    def _warn(self, topic: str, error: BaseException, fate: str = "dropped") -> None:
        """Warn what happened to a message and why; rate-limited for each kind of error."""
        self.health.last_error = f"{type(error).__name__}: {error}"
        kind, now_s = (topic, type(error)), time.monotonic()
        if now_s - self._warned_s.get(kind, -math.inf) < _WARN_PERIOD_S:
            return
        self._warned_s[kind] = now_s
        name = self._topic(topic)
        self._node.get_logger().warning(f"{name}: {fate}, {self.health.last_error}")

    def _topic(self, name: str) -> str:
        topics = {"image": self._inputs.image, "camera_info": self._inputs.info}
        return topics.get(name) or str(self._node.resolve_topic_name(f"{self._prefix}{name}"))


def _percent_without_ray(camera: Camera | None) -> str:
    return f"{100 * camera.share_without_ray:.0f}" if camera is not None else ""
