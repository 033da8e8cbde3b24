"""The node's outputs: messages are allocated once and filled in place."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any, Protocol

import torch
from rclpy.lifecycle import LifecyclePublisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, LaserScan, PointCloud2, PointField
from std_msgs.msg import Header
from torch import Tensor

from depth_ros import messages
from depth_ros.pipeline import DepthFrame, Pipeline, Place, Wanted
from depth_ros.pipeline.laser_scan import scan_far_m, scan_frame
from depth_ros.profile import Profile
from depth_ros.ros.qos import overridable
from depth_ros.runtimes.download import Download, PendingDownload

# Reliable matches every subscriber. Depth 2: one message waits while a slow one reads the last.
_QOS = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)


TOPICS = {
    "depth/image": Image,
    "depth/color": Image,
    "points": PointCloud2,
    "depth/camera_info": CameraInfo,
    "depth/relative": Image,
    "depth/confidence": Image,
    "depth/uncertainty": Image,
    "points/nav": PointCloud2,
    "scan": LaserScan,
}
"""Topics that the node may publish.

Metres only if available; relative values and confidence only if the model outputs them.
"""
# Topics with a value for every pixel, and topics that depend on the camera's pose.
_OF_PIXELS = ("depth/image", "depth/confidence", "depth/uncertainty")
_OF_PLACES = ("points/nav", "scan")


class PendingOutput:
    """An output to be published: started earlier in another thread, or when it is due.

    Args:
        begin: launches it on its device without waiting.
        send: fills its message and publishes it.
    """

    def __init__(
        self, begin: Callable[[], PendingDownload], send: Callable[[Tensor], None]
    ) -> None:
        self._begin, self._send = begin, send
        self._pending: PendingDownload | None = None

    def start(self) -> None:
        """Launch it on its device."""
        self._pending = self._begin()

    def land(self) -> None:
        """Wait until it is on the host."""
        if self._pending is not None:
            self._pending.wait()

    def publish(self) -> None:
        """Publish it; start() may have been called before."""
        if self._pending is None:
            self.start()
        assert self._pending is not None
        try:
            self._send(self._pending.wait())
        finally:
            self.release()

    def release(self) -> None:
        """Release what was started, published or not."""
        if self._pending is not None:
            self._pending.release()


def _nothing() -> PendingDownload:
    """Return a finished download, for data that is already on the host."""
    return PendingDownload(torch.empty(0))


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
        self._node, self._profile = node, profile or Profile()
        absent = set() if relative else {"depth/relative"}
        if not confidence:
            absent |= {"depth/confidence"}
        if not metric:
            absent |= {"depth/image", "depth/color", "points", "depth/uncertainty", *_OF_PLACES}
        self._publishers: dict[str, LifecyclePublisher] = {
            topic: node.create_lifecycle_publisher(kind, f"{prefix}{topic}", **overridable(_QOS))
            for topic, kind in TOPICS.items()
            if topic not in absent
        }
        self._overlapped = overlapped
        self._downloads = {topic: Download() for topic in self._publishers}
        self._depth_message, self._colour_message, self._cloud = Image(), Image(), PointCloud2()
        self._relative_message, self._confidence_message = Image(), Image()
        self._uncertainty_message, self._nav_message = Image(), PointCloud2()

    def have_subscribers(self, points: bool) -> bool:
        """Return whether any topic has subscribers; points count only if enabled."""
        return self._has_subscribers("depth/camera_info") or self.wanted(points).anything

    def need_place(self) -> bool:
        """Return whether a topic that depends on the camera's pose has subscribers."""
        return any(map(self._has_subscribers, _OF_PLACES))

    def wanted(self, points: bool) -> Wanted:
        """Return what the topics with subscribers need; points only if enabled."""
        return Wanted(
            image=any(map(self._has_subscribers, _OF_PIXELS)),
            navigation=self.need_place(),
            points=points and self._has_subscribers("points"),
            colours=self._has_subscribers("depth/color"),
            relative=self._has_subscribers("depth/relative"),
        )

    def info(self, header: Header, info: CameraInfo) -> Iterator[PendingOutput]:
        """Yield the camera_info of an image if it has subscribers; it precedes the images."""
        if self._has_subscribers("depth/camera_info"):
            yield PendingOutput(_nothing, lambda _: self._send_info(info, header))

    def relative(self, values: Tensor, header: Header) -> Iterator[PendingOutput]:
        """Yield relative values (H, W), as 32FC1 without a unit."""
        yield self._of_values("depth/relative", self._relative_message, values, header)

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
        if depth.stride == 1:  # else subscribers came after wanted()
            yield from self._images(pipeline, depth, header)
        if pipeline.settings.publish_points and self._has_subscribers("points"):
            yield self._points(pipeline, depth, header)
        if self.need_place():
            yield from self._navigation(pipeline, depth, header, place())

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

    def _send(self, topic: str, message: Any) -> None:
        self._profile.begin("publish")
        self._publishers[topic].publish(message)

    def _send_info(self, info: CameraInfo, header: Header) -> None:
        info.header = header
        self._send("depth/camera_info", info)

    def _images(
        self, pipeline: Pipeline, depth: DepthFrame, header: Header
    ) -> Iterator[PendingOutput]:
        if self._has_subscribers("depth/image"):
            encoding = pipeline.settings.depth_encoding
            yield PendingOutput(
                partial(self._start, "depth/image", depth.depth_m),
                partial(self._send_depth, header, encoding),
            )
        if self._has_subscribers("depth/color"):
            yield PendingOutput(
                lambda: self._start("depth/color", pipeline.colours(depth)),
                partial(self._send_colours, header),
            )
        if depth.confidence is not None and self._has_subscribers("depth/confidence"):
            message = self._confidence_message
            yield self._of_values("depth/confidence", message, depth.confidence, header)
        if self._has_subscribers("depth/uncertainty"):
            yield PendingOutput(
                lambda: self._start("depth/uncertainty", pipeline.uncertainty_m(depth)),
                partial(self._send_values, "depth/uncertainty", self._uncertainty_message, header),
            )

    def _navigation(
        self, pipeline: Pipeline, depth: DepthFrame, header: Header, place: Place
    ) -> Iterator[PendingOutput]:
        if self._has_subscribers("points/nav"):
            yield PendingOutput(
                partial(self._start_nav, pipeline, depth, place),
                partial(self._copy_points, "points/nav", self._nav_message, header),
            )
        if self._has_subscribers("scan"):
            message = LaserScan(header=Header(stamp=header.stamp))
            message.header.frame_id = scan_frame(pipeline.settings, place, header.frame_id)
            yield PendingOutput(
                partial(self._start_scan, pipeline, depth, place, message),
                partial(self._send_scan, message),
            )

    def _start_nav(self, pipeline: Pipeline, depth: DepthFrame, place: Place) -> PendingDownload:
        cloud = pipeline.nav_cloud(depth, place)
        return self._start("points/nav", cloud.payload, cloud.count)

    def _start_scan(
        self, pipeline: Pipeline, depth: DepthFrame, place: Place, message: LaserScan
    ) -> PendingDownload:
        beams, ranges_m = pipeline.scan(depth, place)
        message.angle_min, message.angle_max = beams.angle_min, beams.angle_max
        message.angle_increment = beams.angle_increment
        message.range_min = pipeline.settings.min_depth_m
        message.range_max = scan_far_m(pipeline.settings, place, depth, beams)
        return self._start("scan", ranges_m)

    def _send_scan(self, message: LaserScan, ranges_m: Tensor) -> None:
        message.ranges = array("f", ranges_m.numpy().tobytes())
        self._send("scan", message)

    def _of_values(
        self, topic: str, message: Image, values: Tensor, header: Header
    ) -> PendingOutput:
        send = partial(self._send_values, topic, message, header)
        return PendingOutput(partial(self._start, topic, values), send)

    def _points(self, pipeline: Pipeline, depth: DepthFrame, header: Header) -> PendingOutput:
        # Nothing is written into a message that another thread may be publishing.
        if depth.depth_m.device.type == "cpu" and not self._overlapped:
            return PendingOutput(
                lambda: PendingDownload(pipeline.points(depth, self._cloud_memory)),
                partial(self._send_points, "points", self._cloud, header),
            )
        return PendingOutput(
            partial(self._start_points, pipeline, depth),
            partial(self._copy_points, "points", self._cloud, header),
        )

    def _start_points(self, pipeline: Pipeline, depth: DepthFrame) -> PendingDownload:
        cloud = pipeline.cloud(depth)
        on_cpu = cloud.payload.device.type == "cpu"  # the next cloud reuses its memory
        return self._start(
            "points", cloud.payload.clone() if on_cpu else cloud.payload, cloud.count
        )

    def _start(self, topic: str, values: Tensor, count: Tensor | None = None) -> PendingDownload:
        self._profile.begin("copy")
        return self._downloads[topic].start(values, count)

    def _send_depth(self, header: Header, encoding: str, depth_m: Tensor) -> None:
        self._profile.begin("copy")
        message = self._depth_message
        pixel_bytes = messages.DEPTH_PIXEL_BYTES[encoding]
        _shape(message, header, encoding, depth_m.shape, pixel_bytes)
        messages.depth_to_bytes(depth_m.numpy(), encoding, message.data)
        self._send("depth/image", message)

    def _send_values(self, topic: str, message: Image, header: Header, values: Tensor) -> None:
        self._profile.begin("copy")
        _shape(message, header, "32FC1", values.shape, 4)
        _fill(message.data, values)
        self._send(topic, message)

    def _send_colours(self, header: Header, rgb: Tensor) -> None:
        self._profile.begin("copy")
        message = self._colour_message
        _shape(message, header, "rgb8", rgb.shape, 3)
        _fill(message.data, rgb)
        self._send("depth/color", message)

    def _copy_points(
        self, topic: str, message: PointCloud2, header: Header, payload: Tensor
    ) -> None:
        self._profile.begin("copy")
        resize(message.data, payload.nbytes)
        if payload.nbytes:  # torch cannot view an empty array
            _fill(message.data, payload)
        self._send_points(topic, message, header, payload)

    def _send_points(
        self, topic: str, message: PointCloud2, header: Header, payload: Tensor
    ) -> None:
        """Publish the cloud; its payload is already in the message."""
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
        self._send(topic, message)

    def _cloud_memory(self, count: int) -> Tensor:
        """Return the cloud message's own memory, for count float32."""
        resize(self._cloud.data, 4 * count)
        if not count:  # torch cannot view an empty array
            return torch.empty(0)
        return torch.frombuffer(self._cloud.data, dtype=torch.float32)


@lru_cache(maxsize=2)
def _fields(colour: bool) -> list[PointField]:
    return [PointField(**asdict(field)) for field in messages.cloud_fields(colour)]


def resize(buffer: array[int], size: int) -> None:
    """Set a buffer's length in place, and keep its memory if possible."""
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
