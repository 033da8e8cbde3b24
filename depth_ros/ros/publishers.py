"""The node's outputs: messages that are allocated once and filled in place."""

from __future__ import annotations

from array import array
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import torch
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header
from torch import Tensor

from depth_ros import messages
from depth_ros.pipeline import DepthFrame, Pipeline
from depth_ros.profile import Profile
from depth_ros.runtimes.download import Download

# Reliable satisfies every subscriber; two messages let a slow one finish the last while one waits.
_QOS = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)


TOPICS = {
    "depth/image": Image,
    "depth/color": Image,
    "points": PointCloud2,
    "depth/camera_info": CameraInfo,
    "depth/relative": Image,
    "depth/confidence": Image,
}
"""What the node may publish; metres only where there are any, relative values and confidence only
of models that give them."""


class Outputs:
    """Publishes what a DepthFrame gives to those who listen, and computes nothing else.

    Args:
        node: the node whose topics these are.
        metric: whether there will be metres.
        relative: whether the network's own values are relative.
        confidence: whether the network may say how sure it is.
        profile: told when bytes are copied and messages sent.
        prefix: what the topics' names begin with.
    """

    def __init__(
        self,
        node: Node,
        metric: bool = True,
        relative: bool = False,
        confidence: bool = False,
        profile: Profile | None = None,
        prefix: str = "",
    ) -> None:
        self._node, self._profile = node, profile or Profile()
        absent = set() if relative else {"depth/relative"}
        if not confidence:
            absent |= {"depth/confidence"}
        if not metric:
            absent |= {"depth/image", "depth/color", "points"}
        self._publishers: dict[str, Publisher[Any]] = {
            topic: node.create_publisher(kind, f"{prefix}{topic}", _QOS)
            for topic, kind in TOPICS.items()
            if topic not in absent
        }
        self._download = Download()
        self._depth_message, self._colour_message, self._cloud = Image(), Image(), PointCloud2()
        self._relative_message, self._confidence_message = Image(), Image()

    def heard(self, points: bool) -> bool:
        """Return whether anybody listens to anything; points only count when they are on."""
        return self._heard("depth/camera_info") or self.need_relative() or self.need_depth(points)

    def need_depth(self, points: bool) -> bool:
        """Return whether anybody listens to metres."""
        return self.need_image() or (points and self._heard("points"))

    def need_image(self) -> bool:
        """Return whether anybody listens to what has a value for every pixel."""
        return any(map(self._heard, ("depth/image", "depth/color", "depth/confidence")))

    def need_relative(self) -> bool:
        """Return whether anybody listens to the network's relative values."""
        return self._heard("depth/relative")

    def publish_info(self, header: Header, info: CameraInfo) -> None:
        """Publish the camera that took an image, if somebody listens; its images come after it."""
        if self._heard("depth/camera_info"):
            info.header = header
            self._send("depth/camera_info", info)

    def publish_relative(self, values: Tensor, header: Header) -> None:
        """Publish relative values (H, W), as 32FC1 without a unit."""
        self._publish_values("depth/relative", self._relative_message, values, header)

    def publish(self, pipeline: Pipeline, depth: DepthFrame, header: Header) -> None:
        """Publish every output of depth that somebody listens to, with the image's own header.

        Args:
            pipeline: with the settings that the depth was estimated under.
            depth: of it.
            header: of the image.
        """
        if depth.stride == 1:  # else its listeners came after the question
            self._publish_images(pipeline, depth, header)
        if pipeline.settings.publish_points and self._heard("points"):
            self._publish_points(pipeline.points(depth, self._cloud_memory), header)

    def destroy(self) -> None:
        """Take the topics back."""
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)

    def _heard(self, topic: str) -> bool:
        publisher = self._publishers.get(topic)
        return publisher is not None and publisher.get_subscription_count() > 0

    def _send(self, topic: str, message: Any) -> None:
        self._profile.begin("publish")
        self._publishers[topic].publish(message)

    def _publish_images(self, pipeline: Pipeline, depth: DepthFrame, header: Header) -> None:
        if self._heard("depth/image"):
            self._publish_depth(depth, header, pipeline.settings.depth_encoding)
        if self._heard("depth/color"):
            self._publish_colours(pipeline.colours(depth), header)
        if depth.confidence is not None and self._heard("depth/confidence"):
            message = self._confidence_message
            self._publish_values("depth/confidence", message, depth.confidence, header)

    def _publish_depth(self, depth: DepthFrame, header: Header, encoding: str) -> None:
        self._profile.begin("copy")
        message = self._depth_message
        pixel_bytes = messages.DEPTH_PIXEL_BYTES[encoding]
        _shape(message, header, encoding, depth.depth_m.shape, pixel_bytes)
        depth_m = self._download(depth.depth_m).numpy()
        messages.depth_to_bytes(depth_m, encoding, message.data)
        self._send("depth/image", message)

    def _publish_values(self, topic: str, message: Image, values: Tensor, header: Header) -> None:
        self._profile.begin("copy")
        _shape(message, header, "32FC1", values.shape, 4)
        _fill(message.data, self._download(values))
        self._send(topic, message)

    def _publish_colours(self, rgb: Tensor, header: Header) -> None:
        self._profile.begin("copy")
        message = self._colour_message
        _shape(message, header, "rgb8", rgb.shape, 3)
        _fill(message.data, self._download(rgb))
        self._send("depth/color", message)

    def _publish_points(self, payload: Tensor, header: Header) -> None:
        message = self._cloud
        organised = payload.ndim == 3
        colour = payload.shape[-1] == messages.point_step(colour=True)
        message.header = header
        message.height = payload.shape[0] if organised else 1
        message.width = payload.shape[-2]
        message.point_step = payload.shape[-1]
        message.row_step = message.width * message.point_step
        message.is_dense = not organised
        message.is_bigendian = False
        message.fields = _fields(colour)
        self._send("points", message)

    def _cloud_memory(self, count: int) -> Tensor:
        """Return the cloud message's own memory, for so many float32."""
        resize(self._cloud.data, 4 * count)
        if not count:  # torch cannot view an empty array
            return torch.empty(0)
        return torch.frombuffer(self._cloud.data, dtype=torch.float32)


@lru_cache(maxsize=2)
def _fields(colour: bool) -> list[PointField]:
    return [PointField(**asdict(field)) for field in messages.cloud_fields(colour)]


def resize(buffer: array[int], size: int) -> None:
    """Set a buffer's length in place, keeping its memory where it can."""
    if len(buffer) > size:
        del buffer[size:]
    else:
        buffer.frombytes(bytes(size - len(buffer)))


def _shape(
    message: Image, header: Header, encoding: str, size: torch.Size, pixel_bytes: int
) -> None:
    message.header = header
    message.encoding = encoding
    message.height, message.width = size[:2]
    message.step = message.width * pixel_bytes
    message.is_bigendian = 0
    resize(message.data, message.height * message.step)


def _fill(buffer: array[int], values: Tensor) -> None:
    """Copy a tensor's bytes into a message's buffer: the only copy on the host."""
    torch.frombuffer(buffer, dtype=values.dtype).view(values.shape).copy_(values)
