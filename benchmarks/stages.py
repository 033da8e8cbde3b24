# ruff: noqa: D102 - stages are documented in Way
"""The node's work around the network, as separate stages."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from std_msgs.msg import Header

from benchmarks.example import Example
from benchmarks.predictor import predictor_of
from depth_ros import messages
from depth_ros.geometry.depth import limit_range
from depth_ros.pipeline import DepthFrame, Frame, Pipeline
from depth_ros.ros.publishers import Outputs

STAGES = (
    "decode_jpeg",
    "decode_rgb8",
    "preprocess",
    "upsample",
    "limit_range",
    "depth_image",
    "depth_color",
    "points",
)
"""Stages in execution order; a frame is decoded once, from JPEG or from rgb8."""


class Way(Protocol):
    """One way from an image message to depth messages; stages use their predecessors' results."""

    def decode_jpeg(self) -> None:
        """Turn the CompressedImage into an rgb array."""

    def decode_rgb8(self) -> None:
        """Turn the Image into an rgb array."""

    def preprocess(self) -> None:
        """Turn the array into the network's input."""

    def upsample(self) -> None:
        """Bring the network's output to the image's resolution."""

    def limit_range(self) -> None:
        """Convert to metres of this camera; mark pixels without estimate or beyond range."""

    def depth_image(self) -> None:
        """Fill an Image with depth, 32FC1."""

    def depth_color(self) -> None:
        """Fill an Image with depth in colour, rgb8."""

    def points(self) -> None:
        """Fill a PointCloud2 with the valid points: x, y, z and rgb."""


def run(way: Way) -> None:
    """Run every stage once."""
    for stage in STAGES:
        getattr(way, stage)()


class Ours:
    """This package's way: its pipeline's parts and the node's outputs.

    Attributes:
        rgb: uint8 (H, W, 3).
        pixels: (1, 3, h, w), the network's input.
        depth: the finished depth.
    """

    def __init__(self, pipeline: Pipeline, example: Example) -> None:
        self.pipeline, self.example = pipeline, example
        self._model = predictor_of(pipeline).model
        self._ratio = pipeline.metric_scaler.focal_ratio(example.camera, pipeline.settings)
        self._far_m = pipeline.metric_scaler.far_m(self._ratio, pipeline.settings)
        self._node = Nowhere()
        self._outputs = Outputs(self._node)

    def decode_jpeg(self) -> None:
        self.rgb = messages.rgb_from_compressed(self.example.compressed)

    def decode_rgb8(self) -> None:
        self.rgb = messages.rgb_from_image(self.example.image)

    def preprocess(self) -> None:
        self._rgb = torch.from_numpy(self.rgb).to(self.pipeline.device)
        self.pixels = self._model.preprocess(self._rgb[None])

    def upsample(self) -> None:
        height, width = self.rgb.shape[:2]
        raw = self.example.raw
        self._values = self._model.postprocess(raw, height, width).values[0]

    def limit_range(self) -> None:
        near_m = self.pipeline.settings.min_depth_m
        depth_m = limit_range(self._values * self._ratio, near_m, self._far_m)
        self.depth = DepthFrame(depth_m, self._rgb, self.example.camera, 0, "camera")

    def depth_image(self) -> None:
        self._publish("depth/image")

    def depth_color(self) -> None:
        self._publish("depth/color")

    def points(self) -> None:
        self._publish("points")

    def whole_frame(self) -> None:
        """Process an Image completely, with the network's output, as the node does."""
        frame = Frame(messages.rgb_from_image(self.example.image), self.example.camera)
        self.depth = self.pipeline(frame)
        self._publish("depth/image", "depth/color", "points")

    def message(self, topic: str) -> Any:
        """Return the last message published on a topic."""
        return self._node.publishers[topic].message

    def _publish(self, *topics: str) -> None:
        for topic, publisher in self._node.publishers.items():
            publisher.is_heard = topic in topics
        self._outputs.publish(self.pipeline, self.depth, Header())


class _Publisher:
    """Replaces a publisher, and keeps the message."""

    def __init__(self) -> None:
        self.is_heard = False
        self.message: Any = None

    def get_subscription_count(self) -> int:
        return int(self.is_heard)

    def publish(self, message: Any) -> None:
        self.message = message


class Nowhere:
    """Replaces the node; its messages are not sent, which takes no time."""

    def __init__(self) -> None:
        self.publishers: dict[str, _Publisher] = {}

    def create_lifecycle_publisher(self, kind: type, topic: str, **qos: object) -> _Publisher:
        self.publishers[topic] = _Publisher()
        return self.publishers[topic]

    def destroy_lifecycle_publisher(self, publisher: object) -> None:
        """Do nothing."""
