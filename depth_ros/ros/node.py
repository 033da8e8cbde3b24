"""The node: subscribe, call the pipeline, publish, and say what goes wrong."""

from __future__ import annotations

import gc
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NamedTuple

import rclpy
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from depth_ros import messages, transport
from depth_ros.errors import CameraError, DepthError, MessageError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.models import ModelEntry, Output
from depth_ros.pipeline import DepthFrame, Frame, Pipeline
from depth_ros.ros import parameters
from depth_ros.ros.diagnostics import Health, key_values
from depth_ros.ros.mailbox import Mailbox
from depth_ros.ros.publishers import Outputs
from depth_ros.ros.references import TOPIC as ANCHORS
from depth_ros.ros.references import References
from depth_ros.scale.scaler import Reference, Scale

# Best effort matches every publisher; only the newest image matters.
_INPUT_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_WARN_PERIOD_S = 5.0
_DIAGNOSTICS_PERIOD_S = 1.0
_CAMERAS = 8


class _Arrival(NamedTuple):
    """An image message and when it came, by the steady clock."""

    message: Image | CompressedImage
    time_s: float


class _Seen(NamedTuple):
    """A camera_info message and what it says of the images and of their depth."""

    camera: Camera
    depth_info: CameraInfo


class DepthNode(LifecycleNode):
    """Turns a camera's image and camera_info into metric depth and points.

    The executor's thread only receives; one worker thread decodes, infers and publishes. A frame
    that cannot be answered is dropped, counted and warned of; nothing that arrives stops the node.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("depth", **kwargs)
        self.settings = parameters.declare(self)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self.health = Health()
        self._pipeline: Pipeline | None = None
        self._outputs: Outputs | None = None
        self._references: References | None = None
        self._scale: Scale | None = None
        self._scale_refused = ""
        self._subscriptions_in: list[Any] = []
        self._cameras: dict[tuple[str, int, int], _Seen] = {}
        self._mailbox: Mailbox[_Arrival] = Mailbox()
        self._worker: threading.Thread | None = None
        self._warned_s: dict[tuple[str, type], float] = {}
        self._decode: Callable[[Any], Any] = messages.rgb_from_image
        change_state = self._service_change_state
        change_state.callback = _refusing(change_state.callback)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Simulated time may stand still; the report of that must not.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_DIAGNOSTICS_PERIOD_S, self._publish_diagnostics, clock=steady)

    # --- lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm the model, and announce the outputs."""
        try:
            self._pipeline = Pipeline.from_settings(self.settings)
            self._pipeline.warm_up()
            if self.settings.scale_mode != "model":
                self._references = References(self, lambda: self.settings)
        except Exception as error:  # whatever a model raises, the node stays and says so
            self._pipeline = None
            self.health.model_failed = True
            self.health.last_error = str(error)
            self.get_logger().error(f"cannot configure: {error}")
            return TransitionCallbackReturn.FAILURE
        self.health.model_failed = False
        entry = self._pipeline.model.entry
        relative = entry.output is not Output.METRIC_DEPTH
        confidence = self._pipeline.model.denoises
        self._outputs = Outputs(self, self._pipeline.metric, relative, confidence)
        self._introduce(entry, str(self._pipeline.runtime.device))
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe, and start to answer."""
        try:
            self._start()
        except Exception as error:  # rclpy says nothing of it
            self.get_logger().error(f"cannot activate: {error}")
            raise
        return super().on_activate(state)

    def _start(self) -> None:
        self.health.started_s = time.monotonic()
        self._mailbox = Mailbox()
        self._worker = threading.Thread(target=self._work, name="depth", daemon=True)
        self._worker.start()
        topic = self.resolve_topic_name("image")
        compressed = topic.endswith("/compressed")
        kind = CompressedImage if compressed else Image
        self._decode = messages.rgb_from_compressed if compressed else messages.rgb_from_image
        self._subscriptions_in = [
            self.create_subscription(CameraInfo, "camera_info", self._on_info, _INPUT_QOS),
            self.create_subscription(kind, "image", self._on_image, _INPUT_QOS),
        ]
        if self._references is not None:
            self._references.start()

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, and stop after the frame at hand."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take the outputs back and forget the model."""
        self._stop()
        if self._outputs is not None:
            self._outputs.destroy()
        if self._references is not None:
            self._references.destroy()
        self._outputs, self._pipeline, self._references = None, None, None
        self._scale, self._scale_refused = None, ""
        torch.cuda.empty_cache()  # else the process keeps the model's memory; nothing without CUDA
        self._cameras.clear()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start afresh after a transition that failed half-way."""
        return self.on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop, from whatever state."""
        return self.on_cleanup(state)

    def autostart(self) -> None:
        """Configure and activate, unless the settings leave that to a lifecycle manager."""
        if not self.settings.autostart:
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _introduce(self, entry: ModelEntry, device: str) -> None:
        """Say once what runs, under which licence, and what its numbers are."""
        allowed = "commercial use allowed" if entry.commercial else "NO commercial use"
        text = f"model {entry.name} ({entry.licence}, {allowed}) runs on {device}"
        logger = self.get_logger()
        dtype = self._pipeline.dtype if self._pipeline is not None else self.settings.dtype
        (logger.info if entry.commercial else logger.warning)(f"{text} in {dtype}")
        if self._pipeline is not None and not self._pipeline.metric:
            logger.warning(
                f"{entry.name} gives {entry.output.value}, no metres: only depth/relative is "
                "published; say scale_mode:=ground or scale_mode:=anchors for depth and points"
            )

    def _stop(self) -> None:
        for subscription in self._subscriptions_in:
            self.destroy_subscription(subscription)
        self._subscriptions_in = []
        if self._references is not None:
            self._references.stop()
        self._mailbox.close()
        if self._worker is not None:
            self._worker.join()
        self._worker = None

    # --- the executor's thread

    def _on_image(self, message: Image | CompressedImage) -> None:
        self.health.count("image")
        if self._mailbox.put(_Arrival(message, time.monotonic())):
            self.health.count("replaced")

    def _on_info(self, message: CameraInfo) -> None:
        self.health.count("camera_info")
        try:
            camera = messages.camera_from_info(message, self.settings.image_rectified)
            info = _camera_info(message, self.settings.image_rectified)
        except DepthError as error:
            self._warn("camera_info", error)
            return
        key = (message.header.frame_id, camera.width, camera.height)
        # The newest last, in a new dictionary: the worker may be reading the old one.
        others = [item for item in self._cameras.items() if item[0] != key]
        self._cameras = dict([*others, (key, _Seen(camera, info))][-_CAMERAS:])

    def _on_set_parameters(self, changes: list[Parameter[Any]]) -> SetParametersResult:
        self.settings, result = parameters.changed(self.settings, changes)
        if self._pipeline is not None:
            self._pipeline.settings = self.settings
        return result

    def _publish_diagnostics(self) -> None:
        active = self._worker is not None
        level, text = self.health.level(active, self.settings.stale_after_s)
        device = str(self._pipeline.runtime.device) if self._pipeline else self.settings.device
        status = DiagnosticStatus(
            level=level,
            name=f"{self.get_fully_qualified_name()}: depth",
            message=text,
            hardware_id=device,
            values=key_values([("model", self.settings.model), ("device", device)])
            + self.health.values()
            + key_values(self._scale_values()),
        )
        report = DiagnosticArray(status=[status])
        report.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(report)

    def _scale_values(self) -> list[tuple[str, str]]:
        """Return what diagnostics tell of the scale."""
        values, scale = [("scale mode", self.settings.scale_mode)], self._scale
        if self.settings.scale_mode == "model":
            return values
        if scale is not None:
            values += [
                ("scale", f"{scale.scale:.4g}"),
                ("scale shift", f"{scale.shift:.4g}"),
                ("scale deviation [%]", f"{100 * scale.deviation:.2f}"),
                ("scale age [s]", f"{scale.age_s:.2f}"),
            ]
        return [*values, ("scale not measured, because", self._scale_refused)]

    # --- the worker's thread

    def _work(self) -> None:
        mailbox = self._mailbox
        while (arrival := mailbox.take()) is not None:
            try:
                self._answer(arrival)
            except (MessageError, CameraError, ScaleError) as error:
                self._drop(error)
            except Exception as error:  # a model may raise anything; the next frame may be fine
                if not self.context.ok():
                    return
                self.health.model_failed = True
                self._drop(error)

    def _answer(self, arrival: _Arrival) -> None:
        pipeline, outputs = self._pipeline, self._outputs
        assert pipeline is not None and outputs is not None
        if not outputs.heard(points=self.settings.publish_points):
            self.health.count("unheard")
            return
        message = arrival.message
        rgb = self._decode(message)
        seen = self._camera_of(message.header.frame_id, rgb.shape[1], rgb.shape[0])
        frame = Frame(rgb, seen.camera, messages.stamp_ns(message.header), message.header.frame_id)
        depth = self._depth_of(frame, message.header, seen.depth_info)
        outputs.publish(pipeline, depth, message.header, seen.depth_info)
        self.health.model_failed = False
        self.health.count("answered")
        self.health.add_latency(time.monotonic() - arrival.time_s)

    def _depth_of(self, frame: Frame, header: Header, info: CameraInfo) -> DepthFrame | None:
        """Return the depth of a frame, if anybody wants it; relative values go out on the way."""
        pipeline, outputs = self._pipeline, self._outputs
        assert pipeline is not None and outputs is not None
        metric, relative = outputs.need_depth(self.settings.publish_points), outputs.need_relative()
        if not (metric or relative):
            return None
        # As late as may be: what is measured in the meantime fits the image better.
        prompted, reference = pipeline.model.prompt_size is not None, None
        try:
            if prompted:
                reference = self._reference(header, frame.camera)
            points_only = not (relative or outputs.need_image())
            estimate = pipeline.predict(frame, reference, points_only)
            if relative:
                outputs.publish_relative(estimate.prediction.values[0], header, info)
            if not metric:
                return None
            if not prompted:
                reference = self._reference(header, frame.camera)
            depth = pipeline.measure(estimate, reference)
        finally:
            if self._references is not None:
                self._scale_refused = pipeline.scaler(frame.camera).refused
        self._scale = depth.scale
        return depth

    def _reference(self, header: Header, camera: Camera) -> Reference | None:
        """Return what the frame's depth is to be compared with; None where that is not known."""
        if self._references is None:
            return None
        try:
            return self._references.of(header, camera)
        except (ScaleError, MessageError, CameraError) as error:
            assert self._pipeline is not None
            self._pipeline.scaler(camera).refuse(str(error))
            by_ground = self.settings.scale_mode == "ground"
            topic, fate = ("image", "gives no scale") if by_ground else (ANCHORS, "unused")
            self._warn(topic, error, fate)
            return None

    def _camera_of(self, frame_id: str, width: int, height: int) -> _Seen:
        """Return the camera of an image; its frame_id decides where several have its size."""
        cameras = self._cameras
        if (frame_id, width, height) in cameras:
            return cameras[frame_id, width, height]
        same_size = [seen for key, seen in cameras.items() if key[1:] == (width, height)]
        if same_size:
            return same_size[-1]
        topic = self.resolve_topic_name("camera_info")
        if not cameras:
            raise CameraError(f"no usable camera_info has come on {topic} yet")
        sizes = ", ".join(f"{w}x{h}" for _, w, h in cameras)
        raise CameraError(f"image is {width}x{height}, {topic} describes {sizes}")

    def _drop(self, error: Exception) -> None:
        self._warn("image", error)
        self.health.count("dropped")

    def _warn(self, topic: str, error: Exception, fate: str = "dropped") -> None:
        """Warn of what became of a message, and why; of one kind of error now and then only."""
        self.health.last_error = f"{type(error).__name__}: {error}"
        kind, now_s = (topic, type(error)), time.monotonic()
        if now_s - self._warned_s.get(kind, -math.inf) < _WARN_PERIOD_S:
            return
        self._warned_s[kind] = now_s
        name = self.resolve_topic_name(topic)
        self.get_logger().warning(f"{name}: {fate}, {self.health.last_error}")


def _camera_info(message: CameraInfo, rectified: bool) -> CameraInfo:
    """Return the camera_info of the depth that an image of this camera gives."""
    return CameraInfo(**asdict(messages.depth_info(message, rectified)))


def _refusing(change_state: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Answer "no" to a transition that the state does not have; rclpy lets it end the node."""

    def answer(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except RuntimeError:  # rclpy's RCLError; rcl has logged it
            response.success = False
            return response

    return answer


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted; exit code 1 when its arguments cannot be used."""
    os.environ.update(transport.environment())
    try:
        rclpy.init(args=args)
        node = DepthNode()
    except (DepthError, RuntimeError) as error:  # RuntimeError: what rclpy makes of bad arguments
        print(f"depth_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    try:
        node.autostart()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:
        if rclpy.ok():  # else a callback was interrupted by the end of its context
            raise
    finally:
        _stop(node)
    return 0


def _stop(node: DepthNode) -> None:
    # A second Ctrl-C, as launch sends it, must not cut the teardown short.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    node.on_cleanup(LifecycleState("finalized", 0))
    node.destroy_node()
    rclpy.try_shutdown()
    # Nor must launch lose its patience while Python looks for garbage in torch.
    gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
