"""The node's outputs: messages that are allocated once and filled in place."""

from __future__ import annotations

from array import array
from dataclasses import asdict
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

# Reliable satisfies every subscriber; two messages let a slow one finish the last while one waits.
_QOS = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)


class Outputs:
    """Publishes what a DepthFrame gives to those who listen, and computes nothing else."""

    def __init__(self, node: Node) -> None:
        def publisher(kind: type, topic: str) -> Publisher[Any]:
            return node.create_publisher(kind, topic, _QOS)

        self._node = node
        self._depth = publisher(Image, "depth/image")
        self._info = publisher(CameraInfo, "depth/camera_info")
        self._colour = publisher(Image, "depth/color")
        self._points = publisher(PointCloud2, "points")
        self._depth_message, self._colour_message, self._cloud = Image(), Image(), PointCloud2()

    def heard(self, points: bool) -> bool:
        """Return whether anybody listens to anything; points only count when they are on."""
        return _heard(self._info) or self.need_depth(points)

    def need_depth(self, points: bool) -> bool:
        """Return whether anybody listens to what the network must run for."""
        return _heard(self._depth) or _heard(self._colour) or (points and _heard(self._points))

    def publish(
        self, pipeline: Pipeline, depth: DepthFrame | None, header: Header, info: CameraInfo
    ) -> None:
        """Publish every output that somebody listens to, with the image's own header.

        Without depth, where nothing needs it, that is at most its camera_info.
        """
        if depth is not None:
            self._publish_estimate(pipeline, depth, header)
        if _heard(self._info):
            info.header = header
            self._info.publish(info)

    def destroy(self) -> None:
        """Take the topics back."""
        for publisher in (self._depth, self._info, self._colour, self._points):
            self._node.destroy_publisher(publisher)

    def _publish_estimate(self, pipeline: Pipeline, depth: DepthFrame, header: Header) -> None:
        settings = pipeline.settings
        if _heard(self._depth):
            self._publish_depth(depth, header, settings.depth_encoding)
        if _heard(self._colour):
            self._publish_colours(pipeline.colours(depth), header)
        if settings.publish_points and _heard(self._points):
            self._publish_points(pipeline.points(depth), header)

    def _publish_depth(self, depth: DepthFrame, header: Header, encoding: str) -> None:
        message = self._depth_message
        pixel_bytes = messages.DEPTH_PIXEL_BYTES[encoding]
        _shape(message, header, encoding, depth.depth_m.shape, pixel_bytes)
        messages.depth_to_bytes(depth.depth_m.cpu().numpy(), encoding, message.data)
        self._depth.publish(message)

    def _publish_colours(self, rgb: Tensor, header: Header) -> None:
        message = self._colour_message
        _shape(message, header, "rgb8", rgb.shape, 3)
        _fill(message.data, rgb)
        self._colour.publish(message)

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
        message.fields = [PointField(**asdict(field)) for field in messages.cloud_fields(colour)]
        resize(message.data, payload.numel())
        _fill(message.data, payload)
        self._points.publish(message)


def _heard(publisher: Publisher[Any]) -> bool:
    return bool(publisher.get_subscription_count() > 0)


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


def _fill(buffer: array[int], payload: Tensor) -> None:
    """Copy a tensor's bytes, from whatever device, into a message's buffer: the only copy."""
    if len(buffer):  # torch cannot view an empty one
        torch.frombuffer(buffer, dtype=torch.uint8).copy_(payload.reshape(-1))
