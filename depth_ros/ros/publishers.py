"""The node's outputs: those with subscribers are computed and published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Protocol

import torch
from rclpy.lifecycle import LifecyclePublisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.geometry.cloud import Allocate
from depth_ros.outputs.frame_output import FrameOutput, depth_output, relative_output
from depth_ros.outputs.topics import OF_DEPTH, TOPICS, available
from depth_ros.pipeline import DepthFrame, Estimate, Pipeline, Place, Wanted
from depth_ros.profile import Profile
from depth_ros.ros.output_message import OutputMessage
from depth_ros.ros.pending_output import PendingOutput, Started
from depth_ros.ros.qos import overridable
from depth_ros.runtimes.download import Download, PendingDownload

# Reliable matches every subscriber. Depth 2: one message waits while a slow one reads the last.
_QOS = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)


class Node(Protocol):
    """Owner of the topics; it publishes only while it is active."""

    def create_lifecycle_publisher(self, kind: Any, topic: str, **qos: Any) -> Any:
        """Create a publisher of a topic."""

    def destroy_lifecycle_publisher(self, publisher: Any) -> Any:
        """Destroy a publisher."""


class Outputs:
    """Publishes the outputs of a DepthFrame that have subscribers, and computes only those.

    Args:
        node: the node that owns the topics.
        metric: whether depth in metres is available.
        relative: whether the network's own values are relative.
        confidence: whether the network may output confidence.
        profile: records the times of copying and publishing.
        prefix: of the topic names.
        overlapped: whether a frame's outputs are started while another thread publishes those of
            the previous frame.
    """

    def __init__(
        self,
        node: Node,
        metric: bool = True,
        relative: bool = False,
        confidence: bool = False,
        profile: Profile | None = None,
        prefix: str = "",
        overlapped: bool = False,
    ) -> None:
        self._node, self._profile, self._overlapped = node, profile or Profile(), overlapped
        topics = available(metric, relative, confidence)
        self._messages = {topic: OutputMessage(TOPICS[topic].kind) for topic in topics}
        self._downloads = {topic: Download() for topic in topics}
        self._publishers: dict[str, LifecyclePublisher] = {
            topic: node.create_lifecycle_publisher(
                message.kind, f"{prefix}{topic}", **overridable(_QOS)
            )
            for topic, message in self._messages.items()
        }

    def have_subscribers(self, points: bool) -> bool:
        """Return whether any topic has subscribers; points count only if enabled."""
        return self._has_subscribers("depth/camera_info") or self.wanted(points).anything

    def need_place(self) -> bool:
        """Return whether a topic that depends on the camera's pose has subscribers."""
        return self.wanted(points=False).navigation

    def wanted(self, points: bool) -> Wanted:
        """Return what the topics with subscribers need; points only if enabled."""
        heard = filter(self._has_subscribers, self._publishers)
        return Wanted.of([TOPICS[topic].needs for topic in heard if points or topic != "points"])

    def info(self, header: Header, info: CameraInfo) -> Iterator[PendingOutput]:
        """Yield the camera_info of an image if it has subscribers; it precedes the images."""
        if self._has_subscribers("depth/camera_info"):
            nothing = PendingDownload(torch.empty(0))  # it is already on the host
            send = partial(self._send_info, info, header)
            yield PendingOutput(lambda: Started(nothing, send))

    def relative(self, estimate: Estimate, header: Header) -> Iterator[PendingOutput]:
        """Yield relative values (H, W), as 32FC1 without a unit."""
        compute = partial(relative_output, estimate)
        yield PendingOutput(partial(self._start, "depth/relative", header, compute))

    def pending(
        self,
        pipeline: Pipeline,
        depth: DepthFrame,
        header: Header,
        place: Callable[[], Place] = Place,
    ) -> Iterator[PendingOutput]:
        """Yield every output of depth that has subscribers, with the image's own header.

        A caller that publishes each output before taking the next one publishes each as early as
        possible. A caller that starts them all first lets the device compute all of them meanwhile.

        Args:
            pipeline: with the settings used to estimate the depth.
            depth: from this pipeline.
            header: of the image.
            place: returns the camera's pose; called only if outputs that need it have subscribers.
        """
        place = cache(place)
        for topic in OF_DEPTH:
            if _is_possible(topic, pipeline.settings, depth) and self._has_subscribers(topic):
                where = place() if TOPICS[topic].needs == "navigation" else Place()
                facts = (topic, pipeline, depth, where, self._allocate(depth))
                yield PendingOutput(
                    partial(self._start, topic, header, partial(depth_output, *facts))
                )

    def publish(self, pipeline: Pipeline, depth: DepthFrame, header: Header) -> None:
        """Publish all outputs of pending(), one after the other."""
        for each in self.pending(pipeline, depth, header):
            each.publish()

    def destroy(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def _has_subscribers(self, topic: str) -> bool:
        publisher = self._publishers.get(topic)
        return publisher is not None and publisher.get_subscription_count() > 0

    def _allocate(self, depth: DepthFrame) -> Allocate | None:
        """Return what gives points their message's own memory; None: they are elsewhere."""
        # Nothing is written into a message that another thread may be publishing.
        in_place = depth.depth_m.device.type == "cpu" and not self._overlapped
        return self._messages["points"].allocate if in_place else None

    def _start(self, topic: str, header: Header, compute: Callable[[], FrameOutput]) -> Started:
        output = compute()
        values = output.values
        if not self._messages[topic].holds(values):
            self._profile.begin("copy")
            if topic == "points" and values.device.type == "cpu":
                values = values.clone()  # the next cloud reuses its memory
        download = self._downloads[topic].start(values, output.count)
        return Started(download, partial(self._fill_and_send, topic, header, output))

    def _fill_and_send(
        self, topic: str, header: Header, output: FrameOutput, values: Tensor
    ) -> None:
        message = self._messages[topic]
        if not message.holds(values):
            self._profile.begin("copy")
        own = Header(stamp=header.stamp, frame_id=output.frame_id)
        message.fill(own, output.content(values.numpy()))
        self._send(topic, message.message)

    def _send_info(self, info: CameraInfo, header: Header, _: Tensor) -> None:
        info.header = header
        self._send("depth/camera_info", info)

    def _send(self, topic: str, message: Any) -> None:
        self._profile.begin("publish")
        self._publishers[topic].publish(message)


def _is_possible(topic: str, settings: Settings, depth: DepthFrame) -> bool:
    """Return whether depth has an output, which subscribers may want since wanted()."""
    match TOPICS[topic].needs:
        case "image" | "colours":
            is_given = topic != "depth/confidence" or depth.confidence is not None
            return depth.stride == 1 and is_given
        case "points":
            return settings.publish_points
    return True
