"""One camera of the node: what comes from it, what it is answered, and how it fares."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import NamedTuple

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from depth_ros import calibration, messages
from depth_ros.calibration import Described
from depth_ros.config import Settings
from depth_ros.errors import CameraError, DepthError, FrameError, MessageError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.models import Output
from depth_ros.pipeline import DepthFrame, Estimate, Frame, Pipeline, Place
from depth_ros.ros.diagnostics import Health, Level, key_values
from depth_ros.ros.extrinsics import Extrinsics
from depth_ros.ros.inputs import Inputs
from depth_ros.ros.publishers import Outputs, Pending
from depth_ros.ros.references import TOPIC as ANCHORS
from depth_ros.ros.references import References
from depth_ros.scale.scaler import FixedScale, Reference, Scale, Scaler

_WARN_PERIOD_S = 5.0
_CAMERAS = 8
# Silence after which the graph is asked what is published by now.
_TEND_AFTER_S = 0.5


@dataclass(eq=False)
class Arrival:
    """An image message, whose it is, and when it came, by the steady clock."""

    stream: Stream
    message: Image | CompressedImage
    time_s: float
    counted: bool = False

    def count(self, event: str) -> None:
        """Count what became of it, unless something did before."""
        if not self.counted:
            self.counted = True
            self.stream.health.count(event)


class Question(NamedTuple):
    """A frame, and what its listeners want to know of it.

    Attributes:
        arrival: of its image.
        pipeline: its stream's, under the settings that hold for it from its begin to its last
            message.
        frame: the image and its camera.
        info: of the depth that the image gives.
        metric, relative: whether depth in metres, and the network's own values, are wanted.
        points_only: whether nothing is wanted but points.
        reference: for a network that is prompted with it; None otherwise.
    """

    arrival: Arrival
    pipeline: Pipeline
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

    The executor's thread receives and reports; a worker's asks and computes the answers; it, or on
    a GPU another one, publishes them. While a worker works for a camera, the mailbox gives none of
    its images to another.

    Args:
        node: the node whose topics these are.
        name: what its topics' names begin with; empty: with nothing.
        settings: those at the start, of which the fixed ones stay.
        deliver: takes an image to the workers; returns the one that is lost because of that.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        settings: Settings,
        deliver: Callable[[Arrival], Arrival | None],
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
        self._cameras: dict[tuple[str, int, int], _Seen] = {}
        self._sizeless: CameraInfo | None = None
        self._camera: Camera | None = None
        self._warned_s: dict[tuple[str, type], float] = {}
        self._silent: set[str] = set()
        self._groundless = False

    # --- the executor's thread

    def configure(
        self, pipeline: Pipeline, extrinsics: Extrinsics | None, overlapped: bool = False
    ) -> None:
        """Announce the outputs of a pipeline that is this camera's own.

        Args:
            pipeline: shares no scale with another camera.
            extrinsics: poses, where the scale is measured by something beside the image.
            overlapped: whether another thread publishes what a worker's launches.
        """
        model = pipeline.model
        relative = model.entry.output is not Output.METRIC_DEPTH
        facts = (pipeline.metric, relative, model.denoises)
        self._outputs = Outputs(self._node, *facts, pipeline.profile, self._prefix, overlapped)
        self.extrinsics = extrinsics
        if extrinsics is not None:
            self.references = References(self._node, extrinsics, self._settings, self._prefix)
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
        """Look after what does not come; to be called again and again by the executor."""
        silent = {event for event in self._awaited() if self.health.silent_s(event) > _TEND_AFTER_S}
        if silent:
            self._inputs.tend()
        stale = {e for e in silent if self.health.silent_s(e) > self._settings.stale_after_s}
        for event in sorted(stale - self._silent):
            self._node.get_logger().warning(f"no {event}: {self._inputs.why_silent(event)}")
        self._silent = stale

    def _awaited(self) -> list[str]:
        """Return what is to come again and again."""
        return ["image"] if self._inputs.latched else ["image", "camera_info"]

    def clean_up(self) -> None:
        """Take the outputs back and forget the pipeline; stop() comes first."""
        if self._outputs is not None:
            self._outputs.destroy()
        self._outputs, self.pipeline, self.references = None, None, None
        self.extrinsics, self._groundless = None, False
        self._scale, self._scaler = None, None
        self._cameras.clear()
        self._sizeless = self._camera = None

    def fail(self, error: BaseException) -> None:
        """Note that there is no model to answer with."""
        self.health.model_failed = True
        self.health.last_error = str(error)

    def status(self, state: str, fault: Level | None, restarts: int) -> DiagnosticStatus:
        """Return how the camera fares.

        Args:
            state: the node's, where it is not active; else empty.
            fault: of the node, that comes before all else.
            restarts: how many workers ended, and were started anew.
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
        """Return what diagnostics tell of the scale."""
        mode, scale, scaler = self._settings.scale_mode, self._scale, self._scaler
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
        if self._settings.gives_camera:
            self.health.count("camera_info")  # nobody waits for one
        arrival = Arrival(self, message, time.monotonic())
        try:
            self._check(message)  # here, so that it does not replace one that can be answered
        except (MessageError, CameraError) as error:
            self.drop(arrival, error)
            return
        lost = self._deliver(arrival)
        if lost is not None:
            lost.count("dropped" if lost is arrival else "replaced")

    def _check(self, message: Image | CompressedImage) -> None:
        """Refuse what cannot be answered, as far as that shows without decoding it."""
        messages.check_stamp(message.header)
        if isinstance(message, CompressedImage):
            width, height = messages.check_compressed(message, self._settings.max_image_pixels)
        else:
            messages.check_image(message, self._settings.untyped_order)
            width, height = message.width, message.height
        # Whose image nobody knows is not worth the memory that it says it needs, either.
        self._camera_of(message.header.frame_id, width, height)

    def _on_info(self, message: CameraInfo) -> None:
        self.health.count("camera_info")
        if not (message.width or message.height):
            self._sizeless = message  # until an image says its size
            return
        try:
            seen = self._see(message)
        except DepthError as error:
            self._warn("camera_info", error)
            return
        key = (message.header.frame_id, seen.camera.width, seen.camera.height)
        # The newest last, in a new dictionary: the worker may be reading the old one.
        others = [item for item in self._cameras.items() if item[0] != key]
        self._cameras = dict([*others, (key, seen)][-_CAMERAS:])

    def _see(self, message: CameraInfo, size: tuple[int, int] | None = None) -> _Seen:
        rectified = self._settings.image_rectified
        camera = messages.camera_from_info(message, rectified, size)
        fields = messages.depth_info(message, rectified, size)
        return _Seen(camera, CameraInfo(**asdict(fields)))

    # --- a worker's thread

    def ask(self, arrival: Arrival, settings: Settings) -> Question | None:
        """Decode an image, and find out what of it is wanted; None where nobody listens.

        Args:
            arrival: the image.
            settings: of this image.

        Raises:
            MessageError: the image cannot be decoded.
            CameraError: no camera_info describes it.
        """
        assert self.pipeline is not None and self._outputs is not None
        pipeline, outputs = self.pipeline.under(settings), self._outputs
        if not outputs.heard(settings.publish_points):
            arrival.count("unheard")
            return None
        pipeline.profile.begin("decode")
        header, rgb = arrival.message.header, messages.rgb_from(arrival.message, settings)
        seen = self._camera_of(header.frame_id, rgb.shape[1], rgb.shape[0])
        frame = Frame(rgb, seen.camera, messages.stamp_ns(header), header.frame_id)
        self._judge(frame.camera)
        if self.references is not None:
            self._scaler = pipeline.state(frame.camera).scaler
        metric, relative = outputs.need_depth(settings.publish_points), outputs.need_relative()
        points_only = not (relative or outputs.need_image())
        prompted = (metric or relative) and pipeline.model.prompt_size is not None
        reference = self._reference(header, frame.camera, settings) if prompted else None
        facts = (seen.depth_info, metric, relative, points_only, reference)
        return Question(arrival, pipeline, frame, *facts)

    def answers(self, question: Question, estimate: Estimate | None) -> Iterator[Pending]:
        """Give what a question's listeners want to know, in the order in which it is published.

        Nothing is computed before it is asked for, and nothing waits for the device.

        Args:
            question: of ask().
            estimate: what the network said of its frame; None where neither metres nor the
                network's values are wanted.

        Raises:
            ScaleError: there is no scale that makes the values metric.
        """
        outputs, header = self._outputs, question.header
        assert outputs is not None
        if estimate is None or question.relative:
            yield from outputs.info(header, question.info)
        if estimate is None:
            return
        if question.relative:
            yield from outputs.relative(estimate.prediction.values[0], header)
        if question.metric:
            depth = self._measured(question, estimate)
            if not question.relative:  # else it goes out with the relative values
                yield from outputs.info(header, question.info)
            place = partial(self._place, header, question.pipeline.settings)
            yield from outputs.pending(question.pipeline, depth, header, place)

    def finish(self, arrival: Arrival) -> None:
        """Count an image whose answers are all published."""
        self.health.model_failed = False
        arrival.count("answered")
        self.health.add_latency(time.monotonic() - arrival.time_s)

    def drop(self, arrival: Arrival, error: BaseException) -> None:
        """Count an image that cannot be answered, and warn of it."""
        if not isinstance(error, (MessageError, CameraError, FrameError, ScaleError)):
            self.health.model_failed = True
        self._warn("image", error)
        arrival.count("dropped")

    def _judge(self, camera: Camera) -> None:
        """Warn of a camera that is new and does not see much of its image."""
        if camera != self._camera:
            self._camera = camera
            if camera.ray_warning:
                self._warn("camera_info", CameraError(camera.ray_warning), "used, but")

    def _measured(self, question: Question, estimate: Estimate) -> DepthFrame:
        pipeline, reference = question.pipeline, question.reference
        if pipeline.model.prompt_size is None:
            # As late as may be: what is measured in the meantime fits the image better.
            camera = question.frame.camera
            reference = self._reference(question.header, camera, pipeline.settings)
        assert self._outputs is not None
        wanted = self._outputs.wanted(pipeline.settings.publish_points)
        depth = pipeline.measure(estimate, reference, wanted)
        self._scale = depth.scale
        return depth

    def _reference(self, header: Header, camera: Camera, settings: Settings) -> Reference | None:
        """Return what the frame's depth is to be compared with; None where that is not known."""
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
        """Return where the camera is, as far as it is known; warn once of what is not."""
        extrinsics = self.extrinsics
        if extrinsics is None:  # until the executor's thread has seen who listens
            return Place()
        place = extrinsics.place(header, settings, self._warn_of_ground)
        self._groundless = self._groundless and place.mount is None
        return place

    def _warn_of_ground(self, why: str) -> None:
        if not self._groundless:
            self._groundless = True
            self._node.get_logger().warning(
                f"{self._topic('points/nav')}: goes out without heights over the ground: {why}"
            )

    @property
    def needs_extrinsics(self) -> bool:
        """Whether it lacks extrinsics that somebody's topics need."""
        outputs = self._outputs
        return self.extrinsics is None and outputs is not None and outputs.need_place()

    def _camera_of(self, frame_id: str, width: int, height: int) -> _Seen:
        """Return the camera of an image; its frame_id decides where several have its size."""
        cameras, settings = self._cameras, self._settings
        if given := calibration.given(settings, width, height):
            return _seen(given)
        if (frame_id, width, height) in cameras:
            return cameras[frame_id, width, height]
        same_size = [seen for key, seen in cameras.items() if key[1:] == (width, height)]
        if same_size:
            return same_size[-1]
        if self._sizeless is not None:
            return self._see(self._sizeless, (width, height))
        topic = self._inputs.info
        if not cameras:
            raise CameraError(f"no usable camera_info has come on {topic} yet")
        if settings.camera_info_scale:
            newest = list(cameras.values())[-1]
            return _seen(calibration.described(newest.depth_info, width, height, settings))
        sizes = ", ".join(f"{w}x{h}" for _, w, h in cameras)
        raise CameraError(f"image is {width}x{height}, {topic} describes {sizes}")

    def _warn(self, topic: str, error: BaseException, fate: str = "dropped") -> None:
        """Warn of what became of a message, and why; of one kind of error now and then only."""
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
