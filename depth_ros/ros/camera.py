"""One camera of the node: from its images to its outputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from std_msgs.msg import Header

from depth_ros import calibration, messages
from depth_ros.config import Settings
from depth_ros.engine import Answer
from depth_ros.errors import CameraError, FrameError, MessageError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.models import Output
from depth_ros.pipeline import Frame, Pipeline, Place
from depth_ros.pipeline.network_view import network_camera
from depth_ros.ros.camera_log import CameraLog
from depth_ros.ros.camera_status import CameraStatus
from depth_ros.ros.extrinsics import Extrinsics
from depth_ros.ros.health import Health, Level
from depth_ros.ros.job import NodeJob, QueuedImage
from depth_ros.ros.pending_output import PendingOutput
from depth_ros.ros.publishers import Outputs
from depth_ros.ros.receiver import Receiver
from depth_ros.ros.references import TOPIC as ANCHORS
from depth_ros.ros.references import References
from depth_ros.scale.scaler import Reference


class NodeCamera:
    """One camera of the node, with its own topics, scale and counters.

    The executor's thread receives messages (Receiver) and reports health (CameraStatus). A worker's
    thread turns images into jobs; the same thread, or on a GPU another one, publishes the outputs.
    While a worker processes an image of a camera, the mailbox gives no other worker an image of
    this camera.

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
        self.extrinsics: Extrinsics | None = None
        self._node, self._settings = node, settings
        self._prefix = f"{name}/" if name else ""
        self._log = CameraLog(node, self.health)
        self._receiver = Receiver(self, node, self._prefix, settings, self._log, deliver)
        title = f"{node.get_fully_qualified_name()}: {name or 'depth'}"
        self._status = CameraStatus(title, settings, self.health, self._receiver)
        self._outputs: Outputs | None = None
        self._references: References | None = None
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
            self._references = References(self._node, extrinsics, *about)
        self.pipeline, self.health.model_failed = pipeline, False
        if told := calibration.guess(pipeline.settings):
            self._node.get_logger().warning(f"{self._receiver.inputs.image}: {told}")

    def start(self) -> None:
        """Subscribe."""
        self.health.started_s = time.monotonic()
        self._receiver.start()
        if self._references is not None:
            self._references.start()

    def stop(self) -> None:
        """Unsubscribe."""
        self._receiver.inputs.stop()
        if self._references is not None:
            self._references.stop()

    def tend(self) -> None:
        """Handle inputs that stay silent; the executor calls this periodically."""
        self._receiver.tend()

    def clean_up(self) -> None:
        """Destroy the outputs and release the pipeline; call stop() before."""
        if self._outputs is not None:
            self._outputs.destroy()
        self._outputs, self.pipeline, self._references = None, None, None
        self.extrinsics, self._groundless = None, False
        self._receiver.infos.clear()
        self._status.clear()

    def fail(self, error: BaseException) -> None:
        """Record that no model is available."""
        self.health.model_failed = True
        self.health.last_error = str(error) or type(error).__name__

    def status(self, state: str, fault: Level | None, restarts: int) -> DiagnosticStatus:
        """Return the camera's health, see CameraStatus.report()."""
        return self._status.report(self.pipeline, state, fault, restarts)

    @property
    def needs_extrinsics(self) -> bool:
        """Whether topics with subscribers need extrinsics that are missing."""
        outputs = self._outputs
        return self.extrinsics is None and outputs is not None and outputs.need_place()

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
        known = self._receiver.infos.of(header.frame_id, rgb.shape[1], rgb.shape[0])
        frame = Frame(rgb, known.camera, messages.stamp_ns(header), header.frame_id)
        self._announce(frame.camera, pipeline)
        if self._references is not None:
            self._status.scaler = pipeline.states.of(frame.camera).scaler
        wanted = self._outputs.wanted(settings.publish_points)
        find = partial(self._reference, header, frame.camera, settings)
        return NodeJob(frame, pipeline, wanted, find, image, known.depth_info)

    def outputs(self, answer: Answer[NodeJob]) -> Iterator[PendingOutput]:
        """Yield the outputs of an answer in publishing order.

        Each output is computed only when it is requested. Nothing here waits for the device.
        """
        outputs, job = self._outputs, answer.job
        assert outputs is not None
        relative = answer.estimate if job.wanted.relative else None
        if answer.error is None or relative is not None:  # without depth there is no camera_info
            yield from outputs.info(job.header, job.info)
        if relative is not None:
            yield from outputs.relative(relative, job.header)
        if answer.depth is not None:
            self._status.scale = answer.depth.scale
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
        self._log.warn(self._receiver.inputs.image, error)
        image.count("dropped")

    def _announce(self, camera: Camera, pipeline: Pipeline) -> None:
        """Log what is special about a new camera."""
        if camera != self._status.camera:
            self._status.camera = camera
            seen = network_camera(camera, pipeline.settings, pipeline.model)
            self._log.announce(self._receiver.inputs.info, camera, seen)

    def _reference(self, header: Header, camera: Camera, settings: Settings) -> Reference | None:
        """Return the scale reference for the frame; None if it is not known."""
        if self._references is None:
            return None
        try:
            return self._references.of(header, camera, settings)
        except (ScaleError, MessageError, CameraError) as error:
            assert self.pipeline is not None
            self.pipeline.states.of(camera).scaler.refuse(str(error))
            if settings.scale_mode == "ground":
                self._log.warn(self._receiver.inputs.image, error, "gives no scale")
            else:
                self._log.warn(self._topic(ANCHORS), error, "unused")
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

    def _topic(self, name: str) -> str:
        return str(self._node.resolve_topic_name(f"{self._prefix}{name}"))
