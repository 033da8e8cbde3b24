"""What a conversion writes for a frame: the topics, and the messages as bytes."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros import messages
from depth_ros.bag import scan
from depth_ros.bag.types import RELIABLE, TYPESTORE, Topic, standard
from depth_ros.bag.writer import header, image
from depth_ros.config import Settings
from depth_ros.engine import Answer
from depth_ros.errors import BagError
from depth_ros.messages import CameraInfoFields
from depth_ros.pipeline import DepthFrame, Pipeline, Wanted

EXTRAS = ("points", "color", "scan", "confidence")
"""What is written beside depth/image and depth/camera_info when it is asked for."""

_NAMES = {
    "depth": ("depth/image", "sensor_msgs/msg/Image"),
    "relative": ("depth/relative", "sensor_msgs/msg/Image"),
    "info": ("depth/camera_info", "sensor_msgs/msg/CameraInfo"),
    "points": ("points", "sensor_msgs/msg/PointCloud2"),
    "color": ("depth/color", "sensor_msgs/msg/Image"),
    "scan": ("scan", "sensor_msgs/msg/LaserScan"),
    "confidence": ("depth/confidence", "sensor_msgs/msg/Image"),
}
_SCAN_FAR_M = 100.0  # where neither the user nor the model knows an end


class Answered(NamedTuple):
    """An answer whose cloud is computed, so that another thread may encode it.

    Attributes:
        answer: the network's output, and depth where that is metric.
        points: the payload of a cloud, where one is wanted.
        info: camera_info of the depth image.
    """

    answer: Answer[Any]
    points: Tensor | None
    info: CameraInfoFields


class Encoded(NamedTuple):
    """A frame's messages, serialised, and its depth as an array, where it is metric.

    Attributes:
        confidence: (H, W), 0 to 1, where it is among the outputs.
    """

    messages: list[tuple[Topic, memoryview]]
    depth_m: npt.NDArray[np.float32] | None
    confidence: npt.NDArray[np.float32] | None = None


class Outputs:
    """The topics of a camera, and the messages on them.

    Args:
        namespace: before the topics' names, such as /front; empty: none.
        pipeline: whose settings say what the messages are like.
        extras: names of EXTRAS.
        scan_rows: height of the band that a scan looks at, in pixels.
        scan_frame: frame of the scans; empty: that of the images without its _optical.
    """

    def __init__(
        self,
        namespace: str,
        pipeline: Pipeline,
        extras: Collection[str],
        scan_rows: int,
        scan_frame: str,
    ) -> None:
        self._pipeline = pipeline
        self._scan_rows, self._scan_frame = scan_rows, scan_frame
        if "confidence" in extras and not pipeline.has_confidence:
            raise BagError(
                f"model '{pipeline.model.entry.name}' gives no confidence as it is asked, expected "
                "one that denoises (grin-tiny), and samples of 2 or more"
            )
        # camera_info first: who waits for it takes the image of the same stamp.
        names = ("info", "depth", *extras) if pipeline.metric else ("info", "relative")
        self.topics = {
            name: standard(f"{namespace}/{_NAMES[name][0]}", _NAMES[name][1], RELIABLE)
            for name in names
        }

    @property
    def wanted(self) -> Wanted:
        """What the topics need of a frame."""
        return Wanted(
            image="depth" in self.topics,
            points="points" in self.topics,
            colours="color" in self.topics,
            relative="relative" in self.topics,
        )

    def render(self, answer: Answer[Any], info: CameraInfoFields) -> Answered:
        """Return an answer with its cloud, in memory of its own."""
        points = None
        if answer.depth is not None and "points" in self.topics:
            points = self._pipeline.points(answer.depth, torch.empty)
        return Answered(answer, points, info)

    def encode(self, answered: Answered) -> Encoded:
        """Return a frame's messages; several threads may do so at once."""
        answer, points, info = answered
        frame = answer.job.frame
        at = header(frame.stamp_ns, frame.frame_id)
        made: dict[str, Any] = {"info": _info(info, at)}
        depth_m, confidence = None, None
        if answer.depth is None:
            assert answer.estimate is not None
            values = answer.estimate.prediction.values[0].cpu().numpy()
            made["relative"] = image(values, "32FC1", frame.stamp_ns, frame.frame_id)
        else:
            depth_m = answer.depth.depth_m.cpu().numpy()
            made |= self._metric(answer.depth, depth_m, at)
            if "confidence" in self.topics:
                assert answer.depth.confidence is not None
                confidence = answer.depth.confidence.cpu().numpy()
                place = (frame.stamp_ns, frame.frame_id)
                made["confidence"] = image(confidence, "32FC1", *place)
        if points is not None:
            made["points"] = cloud(points.cpu().numpy(), at)
        written = [(self.topics[name], _cdr(made[name])) for name in self.topics]
        return Encoded(written, depth_m, confidence)

    def _metric(
        self, depth: DepthFrame, depth_m: npt.NDArray[np.float32], at: Any
    ) -> dict[str, Any]:
        settings, place = self._pipeline.settings, (depth.stamp_ns, depth.frame_id)
        encoding = settings.depth_encoding
        pixels = np.empty((*depth_m.shape, messages.DEPTH_PIXEL_BYTES[encoding]), np.uint8)
        messages.depth_to_bytes(depth_m, encoding, pixels.reshape(-1))
        made = {"depth": image(pixels, encoding, *place)}
        if "color" in self.topics:
            made["color"] = image(self._pipeline.colours(depth).cpu().numpy(), "rgb8", *place)
        if "scan" in self.topics:
            made["scan"] = self._laser_scan(depth, depth_m, settings)
        return made

    def _laser_scan(
        self, depth: DepthFrame, depth_m: npt.NDArray[np.float32], settings: Settings
    ) -> Any:
        found = scan.from_depth(depth_m, depth.camera, self._scan_rows)
        frame_id = self._scan_frame or scan.frame_of(depth.frame_id)
        far_m = settings.max_depth_m or self._pipeline.model.max_depth_m or _SCAN_FAR_M
        return TYPESTORE.types["sensor_msgs/msg/LaserScan"](
            header(depth.stamp_ns, frame_id),
            *(found.angle_min, found.angle_max, found.angle_increment),
            time_increment=0.0,  # all beams are of one moment
            scan_time=0.0,
            range_min=settings.min_depth_m,
            # The limit is one of z-depth: at the sides ranges are longer.
            range_max=far_m / min(math.cos(found.angle_min), math.cos(found.angle_max)),
            ranges=found.ranges,
            intensities=np.empty(0, np.float32),
        )


def cloud(payload: npt.NDArray[np.uint8], at: Any) -> Any:
    """Return a sensor_msgs/PointCloud2 of a payload (N, bytes) or organised (H, W, bytes)."""
    types = TYPESTORE.types
    *size, step = payload.shape
    organised = len(size) == 2
    height, width = size if organised else (1, *size)
    fields = messages.cloud_fields(step == messages.point_step(colour=True))
    return types["sensor_msgs/msg/PointCloud2"](
        header=at,
        height=height,
        width=width,
        fields=[types["sensor_msgs/msg/PointField"](**asdict(field)) for field in fields],
        is_bigendian=False,
        point_step=step,
        row_step=width * step,
        data=payload.reshape(-1),
        is_dense=not organised,
    )


def _info(fields: CameraInfoFields, at: Any) -> Any:
    types = TYPESTORE.types
    said = asdict(fields)
    arrays = {name: np.array(said.pop(name), np.float64) for name in ("d", "k", "r", "p")}
    roi = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    return types["sensor_msgs/msg/CameraInfo"](
        header=at, **said, **arrays, binning_x=0, binning_y=0, roi=roi
    )


def _cdr(message: Any) -> memoryview:
    return TYPESTORE.serialize_cdr(message, message.__msgtype__)
