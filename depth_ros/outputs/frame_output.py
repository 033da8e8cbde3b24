"""An output of a frame: computed on the pipeline's device, and what its message contains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy.typing as npt
from torch import Tensor

from depth_ros import messages
from depth_ros.geometry.cloud import Allocate
from depth_ros.outputs import topics
from depth_ros.outputs.topics import TOPICS
from depth_ros.pipeline import Cloud, DepthFrame, Estimate, Pipeline, Place
from depth_ros.pipeline.laser_scan import scan_far_m, scan_frame

Content = Callable[[npt.NDArray[Any]], dict[str, Any]]

_floats = partial(messages.image_content, encoding="32FC1")
_colours = partial(messages.image_content, encoding="rgb8")


@dataclass(frozen=True)
class FrameOutput:
    """An output of a frame.

    Attributes:
        values: pixels (H, W) or (H, W, 3), a cloud's payload, or ranges (N,), on the pipeline's
            device.
        content: returns the fields of its message except the header, from the values on the host.
        frame_id: of its message.
        count: number of valid rows of values, see Cloud; None: all.
    """

    values: Tensor
    content: Content
    frame_id: str
    count: Tensor | None = None

    def on_host(self) -> npt.NDArray[Any]:
        """Wait for the device, and return the values."""
        values = self.values if self.count is None else self.values[: int(self.count)]
        array: npt.NDArray[Any] = values.cpu().numpy()
        return array


def relative_output(estimate: Estimate) -> FrameOutput:
    """Return the network's own values, without a unit."""
    return FrameOutput(estimate.prediction.values[0], _floats, estimate.frame.frame_id)


def depth_output(
    topic: str,
    pipeline: Pipeline,
    depth: DepthFrame,
    place: Place,
    allocate: Allocate | None = None,
) -> FrameOutput:
    """Compute an output of depth, without waiting for the device.

    Args:
        topic: one of topics.OF_DEPTH.
        pipeline: with the settings used to estimate the depth.
        depth: from this pipeline.
        place: of the camera, for points/nav and scan.
        allocate: returns host memory for points, which are waited for; None: they are on the
            pipeline's device, on the CPU until the next frame.

    Raises:
        ModelError: points need confidence, and depth has none.
        FrameError: no frame of the scan is known.
    """
    match TOPICS[topic].kind:
        case topics.SCAN:
            return _scan(pipeline, depth, place)
        case topics.CLOUD:
            cloud = _cloud(topic, pipeline, depth, place, allocate)
            return FrameOutput(cloud.payload, messages.cloud_content, depth.frame_id, cloud.count)
    return FrameOutput(*_image(topic, pipeline, depth), depth.frame_id)


def _image(topic: str, pipeline: Pipeline, depth: DepthFrame) -> tuple[Tensor, Content]:
    match topic:
        case "depth/color":
            return pipeline.colours(depth), _colours
        case "depth/uncertainty":
            return pipeline.navigator.uncertainty_m(depth, pipeline.settings), _floats
        case "depth/confidence":
            assert depth.confidence is not None
            return depth.confidence, _floats
    encoding = pipeline.settings.depth_encoding
    return depth.depth_m, partial(messages.depth_content, encoding=encoding)


def _cloud(
    topic: str, pipeline: Pipeline, depth: DepthFrame, place: Place, allocate: Allocate | None
) -> Cloud:
    if topic == "points/nav":
        return pipeline.navigator.cloud(depth, pipeline.settings, place)
    if allocate is None:
        return pipeline.cloud(depth)
    return Cloud(pipeline.points(depth, allocate))


def _scan(pipeline: Pipeline, depth: DepthFrame, place: Place) -> FrameOutput:
    settings = pipeline.settings
    frame_id = scan_frame(settings, place, depth.frame_id)
    beams, ranges_m = pipeline.navigator.scan(depth, settings, place)
    near_m, far_m = settings.min_depth_m, scan_far_m(settings, place, depth, beams)
    content = partial(messages.scan_content, beams=beams, near_m=near_m, far_m=far_m)
    return FrameOutput(ranges_m, content, frame_id)
