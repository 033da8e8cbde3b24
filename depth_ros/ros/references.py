"""References for metric scale: the camera's mount, or the points of another sensor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2

from depth_ros import messages
from depth_ros.anchor_messages import anchors_from
from depth_ros.bag.topics import COMPRESSED
from depth_ros.config import Settings
from depth_ros.errors import MessageError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.ros.extrinsics import Extrinsics
from depth_ros.ros.qos import overridable
from depth_ros.scale.scaler import Reference
from depth_ros.topic_names import base

TOPIC, _INFO_TOPIC = "anchors", "anchors/camera_info"
_CLASSES = {"points": PointCloud2, "scan": LaserScan, "depth": Image}
_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
# Sensors may be faster or slower than the camera, and their messages earlier or later.
_KEPT = 30
# Period of the check for the published type of depth, until a message arrives.
_LOOK_S = 0.5


class References:
    """Finds the reference that makes an image's depth metric: the camera's mount, or anchors.

    The executor's thread keeps the newest messages; a worker's thread decodes what it needs.

    Args:
        node: the node that owns the topics.
        extrinsics: poses of the camera and the sensor.
        settings: type of the reference; fixed while the node runs.
        count: called with the topic of each message: anchors, anchors/camera_info.
        prefix: of the topic names.
    """

    def __init__(
        self,
        node: Node,
        extrinsics: Extrinsics,
        settings: Settings,
        count: Callable[[str], None],
        prefix: str = "",
    ) -> None:
        self._count = count
        self._node, self._mode, self._type = node, settings.scale_mode, settings.anchors_type
        self._extrinsics = extrinsics
        self._topic, self._info_topic = f"{prefix}{TOPIC}", f"{prefix}{_INFO_TOPIC}"
        self._messages: deque[Any] = deque(maxlen=_KEPT)
        self._info: CameraInfo | None = None
        self._subscriptions: dict[str, Any] = {}
        self._class: Any = None
        self._timer: Any = None

    def start(self) -> None:
        """Subscribe to anchors, if they are needed."""
        if self._mode != "anchors":
            return
        if self._type == "depth":
            self._subscribe(CameraInfo, self._info_topic, self._on_info)
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = self._node.create_timer(_LOOK_S, self._look, clock=steady)
        self._look()

    def stop(self) -> None:
        """Unsubscribe."""
        self._stop_looking()
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        self._subscriptions, self._class = {}, None
        self._messages.clear()

    def _look(self) -> None:
        """Subscribe to the anchors with the published type; see Inputs.tend()."""
        if self._messages:
            self._stop_looking()
            return
        wanted = self._wanted()
        if wanted is not self._class:
            self._class = None
            with suppress(RuntimeError):  # rclpy's RCLError
                self._subscribe(wanted, self._topic, self._on_anchors)
                self._class = wanted

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None

    def _wanted(self) -> Any:
        if self._type != "depth":
            return _CLASSES[self._type]
        topic = self._node.resolve_topic_name(self._topic)
        kinds = {each.topic_type for each in self._node.get_publishers_info_by_topic(topic)}
        compressed = kinds == {COMPRESSED} if kinds else base(topic) != topic
        return CompressedImage if compressed else Image

    def _subscribe(self, kind: Any, topic: str, callback: Any) -> None:
        if topic in self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop(topic))
        qos = overridable(_QOS)
        self._subscriptions[topic] = self._node.create_subscription(kind, topic, callback, **qos)

    def of(self, header: Any, camera: Camera, settings: Settings) -> Reference:
        """Return the reference for an image.

        Raises:
            ScaleError: no anchors are close enough in time, or TF has no pose of them.
            MessageError, CameraError: the image has no stamp; the anchors' message or its
                camera_info is damaged.
        """
        if not messages.stamp_ns(header):
            raise MessageError("stamp is 0, expected the time of capture, which scales need")
        if self._mode == "ground":
            return self._extrinsics.mount(header, settings)
        message = self._nearest(messages.stamp_ns(header), settings.anchors_max_age_s)
        optical = self._type == "depth"
        pose = self._extrinsics.optical_from(message.header.frame_id, header, settings, optical)
        most = settings.max_image_pixels
        return anchors_from(message, self._type, pose, camera, self._sensor, most)

    def _on_anchors(self, message: Any) -> None:
        self._messages.append(message)
        self._count(TOPIC)

    def _on_info(self, message: CameraInfo) -> None:
        self._info = message
        self._count(_INFO_TOPIC)

    def _nearest(self, stamp_ns: int, most_s: float) -> Any:
        """Return the anchors' message closest in time, if it is close enough."""
        kept = list(self._messages)
        if not kept:
            raise ScaleError(
                f"nothing was received on {self._node.resolve_topic_name(self._topic)} yet"
            )

        def apart_s(message: Any) -> float:
            return abs(messages.stamp_ns(message.header) - stamp_ns) / 1e9

        nearest = min(kept, key=apart_s)
        if apart_s(nearest) > most_s:
            raise ScaleError(
                f"the nearest anchors are {apart_s(nearest):.2f} s from the image, "
                f"expected {most_s:g} s at most"
            )
        return nearest

    def _sensor(self) -> Camera:
        """Return the camera of anchors given as depth images."""
        if self._info is None:
            topic = self._node.resolve_topic_name(self._info_topic)
            raise ScaleError(f"no camera_info of the anchors was received on {topic} yet")
        return messages.camera_from_info(self._info)
