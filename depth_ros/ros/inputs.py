"""Inputs of a camera: topics, message types, and how they are received."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from depth_ros import messages
from depth_ros.bag.topics import COMPRESSED, IMAGE, IMAGES, INFO
from depth_ros.errors import MessageError
from depth_ros.ros.message_class import message_class
from depth_ros.ros.qos import overridable, override
from depth_ros.topic_names import base, sibling
from depth_ros.transport import VARIABLE

# Only the newest image matters, but damaged ones must not push it out of the queue. So the queue is
# long, and is emptied at once. It needs memory only for the messages that wait.
_DEPTH = 100
# Best effort matches every publisher.
_QOS = QoSProfile(depth=_DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)
# Lost messages are sent again. Best effort loses most images that are larger than the shared memory
# of DDS, because they go over UDP in hundreds of fragments.
_RELIABLE_QOS = QoSProfile(depth=_DEPTH, reliability=ReliabilityPolicy.RELIABLE)
_LATCHED_QOS = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


class Inputs:
    """Subscriptions to a camera's images and camera_info.

    Args:
        node: the node that owns the topics.
        prefix: of the topic names.
        transport: raw, compressed, or auto: as the publishers of the topic announce it.
        on_image, on_info: called with each message; of a video with each decoded image.
        on_lost: called with the number of images that DDS lost.
        max_pixels: a video with larger images is not decoded.

    Attributes:
        image, info: full topic names. If only image is remapped, camera_info is its sibling, as in
            image_transport.
        latched: whether camera_info came from a transient-local publisher, which keeps it for late
            subscribers and need not send it again.
    """

    def __init__(
        self,
        node: Node,
        prefix: str,
        transport: str,
        on_image: Callable[[Any], None],
        on_info: Callable[[CameraInfo], None],
        on_lost: Callable[[int], None],
        max_pixels: int,
    ) -> None:
        self._node, self._transport, self._count_lost = node, transport, on_lost
        self._max_pixels = max_pixels
        self._on_image, self._on_info = on_image, on_info
        self.image: str = node.resolve_topic_name(f"{prefix}image")
        info = f"{prefix}camera_info"
        self.info: str = node.resolve_topic_name(info)
        if self.info == node.resolve_topic_name(info, only_expand=True):
            self.info = sibling(self.image)
        self.latched = False
        self._kind: Any = None
        self._image_qos, self._settled = _QOS, False
        # A reliability that the user chose is not changed when images are lost.
        self._is_chosen = override(node, self.image, QoSPolicyKind.RELIABILITY) is not None
        self._durability = override(node, self.info, QoSPolicyKind.DURABILITY)
        self._timer: Any = None
        self._video = messages.VideoDecoder(max_pixels)
        self._subscriptions: dict[str, Any] = {}

    def start(self) -> None:
        """Subscribe."""
        self._video = messages.VideoDecoder(self._max_pixels)
        asks_for_latched = self._durability == DurabilityPolicy.TRANSIENT_LOCAL.name.lower()
        take = self._on_latched if asks_for_latched else self._on_info
        self._subscribe("info", CameraInfo, self.info, take, **overridable(_QOS))
        self._subscribe_to_what_is_published()

    def stop(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        self._subscriptions, self._kind, self.latched = {}, None, False
        self._image_qos, self._settled = _QOS, False
        self._cancel()

    def tend(self) -> None:
        """Subscribe to what is published now; the executor calls this while nothing comes.

        In DDS a topic has one type: a subscription with another type fails until the last one is
        fully destroyed. Until then it is tried again.
        """
        with suppress(RuntimeError):  # rclpy's RCLError
            self._subscribe_to_what_is_published()

    def _subscribe_to_what_is_published(self) -> None:
        kind = self._wanted()
        if kind is not self._kind:
            self._kind = None
            own = () if self._is_chosen else (QoSPolicyKind.RELIABILITY,)
            qos = overridable(self._image_qos, *own)
            self._subscribe("image", kind, self.image, self._on_first, **qos)
            self._kind = kind
        if "latched info" not in self._subscriptions and self._is_latched():
            fixed = (QoSPolicyKind.RELIABILITY, QoSPolicyKind.DURABILITY)
            qos = overridable(_LATCHED_QOS, *fixed, entity_id="latched")
            self._subscribe("latched info", CameraInfo, self.info, self._on_latched, **qos)

    def why_silent(self, event: str) -> str:
        """Return a likely reason why no image or camera_info comes, from the ROS graph."""
        topic, expected = self.info, INFO
        if event == "image":
            topic = self.image
            expected = next((kind for kind in IMAGES if message_class(kind) is self._kind), IMAGE)
        kinds = self._kinds(topic)
        if not kinds:
            return f"nothing is published on {topic} ({expected})"
        if expected in kinds:
            return f"{topic} ({expected}) is published, but nothing arrives"
        cure = f", see image.transport ({self._transport})" if kinds & {IMAGE, COMPRESSED} else ""
        if missing := [each for each in IMAGES if each in kinds and not message_class(each)]:
            cure = f"; install {missing[0].partition('/')[0]}, which this ROS does not have"
        return f"{topic} is published as {', '.join(sorted(kinds))}, expected {expected}{cure}"

    def _subscribe(self, key: str, kind: Any, topic: str, callback: Any, **qos: Any) -> None:
        if key in self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop(key))
        # why_silent() reports publishers of another type or QoS, and how to fix it.
        events = SubscriptionEventCallbacks(use_default_callbacks=False)
        if key == "image":
            events.message_lost, events.incompatible_qos = self._on_lost, self._on_incompatible
        self._subscriptions[key] = self._node.create_subscription(
            kind, topic, callback, event_callbacks=events, **qos
        )

    def _on_lost(self, event: Any) -> None:
        """Subscribe reliably after a loss, if all publishers of images are reliable."""
        self._count_lost(event.total_count_change)
        if self._settled or self._is_chosen:
            return
        self._settled = True
        offered = self._node.get_publishers_info_by_topic(self.image)
        if all(each.qos_profile.reliability is ReliabilityPolicy.RELIABLE for each in offered):
            self._resubscribe(_RELIABLE_QOS)
            return
        self._node.get_logger().warning(
            f"{self.image}: images are lost over DDS, as large ones often are with best effort: "
            f"publish them reliably, or set {VARIABLE} for the camera's driver, see docs/robot.md"
        )

    def _on_incompatible(self, event: Any) -> None:
        if self._image_qos is _RELIABLE_QOS:
            self._resubscribe(_QOS)  # a new publisher has best effort

    def _resubscribe(self, qos: QoSProfile) -> None:
        """Subscribe to images again, by a timer: this subscription's event is being handled."""

        def resubscribe() -> None:
            self._cancel()
            self._kind = None
            self.tend()

        self._image_qos = qos
        self._cancel()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self._node.create_timer(0.0, resubscribe, clock=steady)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None

    def _on_latched(self, message: CameraInfo) -> None:
        self.latched = True
        self._on_info(message)

    def _on_first(self, message: Any) -> None:
        """Process an image and all that wait after it: the executor takes one in each cycle.

        In a cycle it waits several times for Python's GIL, which a worker may hold.
        """
        self._on_any(message)
        if subscription := self._subscriptions.get("image"):
            for waiting in _waiting(subscription):
                self._on_any(waiting)

    def _on_any(self, message: Any) -> None:
        if messages.codec_of(message) is None:
            self._on_image(message)
            return
        said = messages.header_of(message)
        header = Header(stamp=said.stamp, frame_id=said.frame_id)
        try:
            # Here and not in a worker: every packet is needed, in order.
            image: Any = messages.RgbImage(header, self._video.decode(message))
        except MessageError as error:
            image = messages.NoImage(header, error)
        self._on_image(image)

    def _wanted(self) -> Any:
        """Return the message class of the images: of the transport, or of what is published."""
        if self._transport != "auto":
            return CompressedImage if self._transport == "compressed" else Image
        published = self._kinds(self.image)
        for kind in IMAGES:
            if kind in published and (found := message_class(kind)):
                return found
        return CompressedImage if base(self.image) != self.image else Image

    def _is_latched(self) -> bool:
        """Whether a publisher of camera_info is transient local, and the user set no durability.

        Where no publisher is, such a subscription would cause a warning of the driver.
        """
        return self._durability is None and any(
            publisher.qos_profile.durability is DurabilityPolicy.TRANSIENT_LOCAL
            for publisher in self._node.get_publishers_info_by_topic(self.info)
        )

    def _kinds(self, topic: str) -> set[str]:
        """Return the types with which a topic is published."""
        return {each.topic_type for each in self._node.get_publishers_info_by_topic(topic)}


def _waiting(subscription: Subscription) -> Iterator[Any]:
    """Yield the waiting messages of a subscription, at most the size of its queue."""
    with suppress(InvalidHandle):  # it was destroyed in the meantime
        for _ in range(_DEPTH):
            with subscription.handle:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is None:
                return
            yield taken[0]
