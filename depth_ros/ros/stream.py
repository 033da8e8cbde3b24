"""One camera of the node: what comes from it, what it is answered, and how it fares."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NamedTuple

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from depth_ros import calibration, messages
from depth_ros.calibration import Described
from depth_ros.config import Settings
from depth_ros.errors import CameraError, DepthError, MessageError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.models import Output
from depth_ros.pipeline import DepthFrame, Estimate, Frame, Pipeline
from depth_ros.ros.diagnostics import Health, key_values
from depth_ros.ros.extrinsics import Extrinsics
from depth_ros.ros.publishers import Outputs
from depth_ros.ros.references import TOPIC as ANCHORS
from depth_ros.ros.references import References
from depth_ros.scale.scaler import Reference, Scale, Scaler

# Best effort matches every publisher; only the newest image matters.
_INPUT_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_WARN_PERIOD_S = 5.0
_CAMERAS = 8


class Arrival(NamedTuple):
    """An image message, whose it is, and when it came, by the steady clock."""

    stream: Stream
    message: Image | CompressedImage
    time_s: float


class Question(NamedTuple):
    """A frame, and what its listeners want to know of it.

    Attributes:
        arrival: of its image.
        frame: the image and its camera.
        info: of the depth that the image gives.
        metric, relative: whether depth in metres, and the network's own values, are wanted.
        points_only: whether nothing is wanted but points.
        reference: for a network that is prompted with it; None otherwise.
    """

    arrival: Arrival
    frame: Frame
    info: CameraInfo
    metric: bool
    relative: bool
    points_only: bool
    reference: Reference | None

    @property
    def stream(self) -> Stream:
        """Whose it is."""
        return self.arrival.stream

    @property
    def header(self) -> Header:
        """The image's."""
        return self.arrival.message.header


class _Seen(NamedTuple):
    """A camera_info message and what it says of the images and of their depth."""

    camera: Camera
    depth_info: CameraInfo


def _seen(described: Described) -> _Seen:
    return _Seen(described.camera, CameraInfo(**asdict(described.info)))


class Stream:
    """One camera of the node, with topics, scale and counters of its own.

    The executor's thread receives and reports; a worker's asks and answers. While one works for a
    camera, the mailbox gives none of its images to another.

    Args:
        node: the node whose topics these are.
        name: what its topics' names begin with; empty: with nothing.
        get_settings: returns the settings of the moment.
        deliver: takes an image to the worker; returns whether it replaced one of the same camera.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        get_settings: Callable[[], Settings],
        deliver: Callable[[Arrival], bool],
    ) -> None:
        self.name, self.health = name, Health()
        self.pipeline: Pipeline | None = None
        self.references: References | None = None
        self._node, self._get_settings, self._deliver = node, get_settings, deliver
        self._prefix = f"{name}/" if name else ""
        self._outputs: Outputs | None = None
        self._scale: Scale | None = None
        self._scaler: Scaler | None = None
        self._subscriptions: list[Any] = []
        self._cameras: dict[tuple[str, int, int], _Seen] = {}
        self._warned_s: dict[tuple[str, type], float] = {}
        self._decode: Callable[[Any], Any] = messages.rgb_from_image

    # --- the executor's thread

    def configure(self, pipeline: Pipeline, extrinsics: Extrinsics | None) -> None:
        """Announce the outputs of a pipeline that is this camera's own.

        Args:
            pipeline: shares no scale with another camera.
            extrinsics: poses, where the scale is measured by something beside the image.
        """
        model = pipeline.model
        relative = model.entry.output is not Output.METRIC_DEPTH
        facts = (pipeline.metric, relative, model.denoises)
        self._outputs = Outputs(self._node, *facts, pipeline.profile, self._prefix)
        if extrinsics is not None:
            self.references = References(self._node, extrinsics, self._get_settings, self._prefix)
        self.pipeline, self.health.model_failed = pipeline, False
        if told := calibration.guess(pipeline.settings):
            self._node.get_logger().warning(f"{self._topic('image')}: {told}")

    def start(self) -> None:
        """Subscribe."""
        self.health.started_s = time.monotonic()
        topic = self._topic("image")
        compressed = topic.endswith("/compressed")
        kind = CompressedImage if compressed else Image
        self._decode = messages.rgb_from_compressed if compressed else messages.rgb_from_image
        subscribe, prefix = self._node.create_subscription, self._prefix
        self._subscriptions = [
            subscribe(CameraInfo, f"{prefix}camera_info", self._on_info, _INPUT_QOS),
            subscribe(kind, f"{prefix}image", self._on_image, _INPUT_QOS),
        ]
        if self.references is not None:
            self.references.start()

    def stop(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
        if self.references is not None:
            self.references.stop()

    def clean_up(self) -> None:
        """Take the outputs back and forget the pipeline; stop() comes first."""
        if self._outputs is not None:
            self._outputs.destroy()
        self._outputs, self.pipeline, self.references = None, None, None
        self._scale, self._scaler = None, None
        self._cameras.clear()

    def fail(self, error: Exception) -> None:
        """Note that there is no model to answer with."""
        self.health.model_failed = True
        self.health.last_error = str(error)

    def status(self, active: bool) -> DiagnosticStatus:
        """Return how the camera fares."""
        settings, pipeline = self._get_settings(), self.pipeline
        level, text = self.health.level(active, settings.stale_after_s)
        device = str(pipeline.runtime.device) if pipeline else settings.device
        stages = pipeline.profile.medians() if pipeline else []
        return DiagnosticStatus(
            level=level,
            name=f"{self._node.get_fully_qualified_name()}: {self.name or 'depth'}",
            message=text,
            hardware_id=device,
            values=key_values([("model", settings.model), ("device", device)])
            + self.health.values()
            + key_values(self._scale_values())
            + key_values([(f"stage {lap.stage} [ms]", lap.text()) for lap in stages]),
        )

    def _scale_values(self) -> list[tuple[str, str]]:
        """Return what diagnostics tell of the scale."""
        mode, scale, scaler = self._get_settings().scale_mode, self._scale, self._scaler
        values = [("scale mode", mode)]
        if mode == "model":
            return values
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
        if self._get_settings().gives_camera:
            self.health.count("camera_info")  # nobody waits for one
        if self._deliver(Arrival(self, message, time.monotonic())):
            self.health.count("replaced")

    def _on_info(self, message: CameraInfo) -> None:
        self.health.count("camera_info")
        rectified = self._get_settings().image_rectified
        try:
            camera = messages.camera_from_info(message, rectified)
            info = CameraInfo(**asdict(messages.depth_info(message, rectified)))
        except DepthError as error:
            self._warn("camera_info", error)
            return
        key = (message.header.frame_id, camera.width, camera.height)
        # The newest last, in a new dictionary: the worker may be reading the old one.
        others = [item for item in self._cameras.items() if item[0] != key]
        self._cameras = dict([*others, (key, _Seen(camera, info))][-_CAMERAS:])

    # --- a worker's thread

    def heard(self) -> bool:
        """Return whether anybody listens; an image that nobody wants is counted."""
        assert self._outputs is not None
        if self._outputs.heard(self._get_settings().publish_points):
            return True
        self.health.count("unheard")
        return False

    def ask(self, arrival: Arrival) -> Question:
        """Decode an image, and find out what of it is wanted.

        Raises:
            MessageError: the image cannot be decoded.
            CameraError: no camera_info describes it.
        """
        pipeline, outputs, settings = self.pipeline, self._outputs, self._get_settings()
        assert pipeline is not None and outputs is not None
        pipeline.profile.begin("decode")
        header, rgb = arrival.message.header, self._decode(arrival.message)
        seen = self._camera_of(header.frame_id, rgb.shape[1], rgb.shape[0])
        frame = Frame(rgb, seen.camera, messages.stamp_ns(header), header.frame_id)
        if self.references is not None:
            self._scaler = pipeline.scaler(frame.camera)
        metric, relative = outputs.need_depth(settings.publish_points), outputs.need_relative()
        points_only = not (relative or outputs.need_image())
        prompted = (metric or relative) and pipeline.model.prompt_size is not None
        reference = self._reference(header, frame.camera) if prompted else None
        return Question(arrival, frame, seen.depth_info, metric, relative, points_only, reference)

    def answer(self, question: Question, estimate: Estimate | None) -> None:
        """Publish what a question's listeners want to know.

        Args:
            question: of ask().
            estimate: what the network said of its frame; None where neither metres nor the
                network's values are wanted.

        Raises:
            ScaleError: there is no scale that makes the values metric.
        """
        pipeline, outputs, header = self.pipeline, self._outputs, question.header
        assert pipeline is not None and outputs is not None
        depth = None
        if estimate is not None:
            if question.relative:
                values = estimate.prediction.values[0]
                outputs.publish_relative(values, header, question.info)
            if question.metric:
                depth = self._measured(question, estimate, pipeline)
        self.health.model_failed = False
        outputs.publish(pipeline, depth, header, question.info)
        self.health.count("answered")
        self.health.add_latency(time.monotonic() - question.arrival.time_s)

    def drop(self, error: Exception) -> None:
        """Count an image that cannot be answered, and warn of it."""
        if not isinstance(error, (MessageError, CameraError, ScaleError)):
            self.health.model_failed = True
        self._warn("image", error)
        self.health.count("dropped")

    def _measured(self, question: Question, estimate: Estimate, pipeline: Pipeline) -> DepthFrame:
        reference = question.reference
        if pipeline.model.prompt_size is None:
            # As late as may be: what is measured in the meantime fits the image better.
            reference = self._reference(question.header, question.frame.camera)
        depth = pipeline.measure(estimate, reference)
        self._scale = depth.scale
        return depth

    def _reference(self, header: Header, camera: Camera) -> Reference | None:
        """Return what the frame's depth is to be compared with; None where that is not known."""
        if self.references is None:
            return None
        try:
            return self.references.of(header, camera)
        except (ScaleError, MessageError, CameraError) as error:
            assert self.pipeline is not None
            self.pipeline.scaler(camera).refuse(str(error))
            by_ground = self._get_settings().scale_mode == "ground"
            topic, fate = ("image", "gives no scale") if by_ground else (ANCHORS, "unused")
            self._warn(topic, error, fate)
            return None

    def _camera_of(self, frame_id: str, width: int, height: int) -> _Seen:
        """Return the camera of an image; its frame_id decides where several have its size."""
        cameras, settings = self._cameras, self._get_settings()
        if given := calibration.given(settings, width, height):
            return _seen(given)
        if (frame_id, width, height) in cameras:
            return cameras[frame_id, width, height]
        same_size = [seen for key, seen in cameras.items() if key[1:] == (width, height)]
        if same_size:
            return same_size[-1]
        topic = self._topic("camera_info")
        if not cameras:
            raise CameraError(f"no usable camera_info has come on {topic} yet")
        if settings.camera_info_scale:
            newest = list(cameras.values())[-1]
            return _seen(calibration.described(newest.depth_info, width, height, settings))
        sizes = ", ".join(f"{w}x{h}" for _, w, h in cameras)
        raise CameraError(f"image is {width}x{height}, {topic} describes {sizes}")

    def _warn(self, topic: str, error: Exception, fate: str = "dropped") -> None:
        """Warn of what became of a message, and why; of one kind of error now and then only."""
        self.health.last_error = f"{type(error).__name__}: {error}"
        kind, now_s = (topic, type(error)), time.monotonic()
        if now_s - self._warned_s.get(kind, -math.inf) < _WARN_PERIOD_S:
            return
        self._warned_s[kind] = now_s
        name = self._topic(topic)
        self._node.get_logger().warning(f"{name}: {fate}, {self.health.last_error}")

    def _topic(self, name: str) -> str:
        topic: str = self._node.resolve_topic_name(f"{self._prefix}{name}")
        return topic
