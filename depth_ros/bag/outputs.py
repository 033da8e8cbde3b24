"""The outputs of a conversion for a frame: topics, and messages as bytes."""

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
from depth_ros.geometry.scan import Beams
from depth_ros.messages import CameraInfoFields
from depth_ros.pipeline import DepthFrame, Pipeline, Scan, Wanted
from depth_ros.pipeline.laser_scan import SCAN_FAR_M, in_band, scan_far_m, scan_frame

EXTRAS = ("points", "nav", "color", "scan", "confidence", "uncertainty")
"""Optional outputs in addition to depth/image and depth/camera_info."""

_NAMES = {
    "depth": ("depth/image", "sensor_msgs/msg/Image"),
    "relative": ("depth/relative", "sensor_msgs/msg/Image"),
    "info": ("depth/camera_info", "sensor_msgs/msg/CameraInfo"),
    "points": ("points", "sensor_msgs/msg/PointCloud2"),
    "color": ("depth/color", "sensor_msgs/msg/Image"),
    "scan": ("scan", "sensor_msgs/msg/LaserScan"),
    "confidence": ("depth/confidence", "sensor_msgs/msg/Image"),
    "uncertainty": ("depth/uncertainty", "sensor_msgs/msg/Image"),
    "nav": ("points/nav", "sensor_msgs/msg/PointCloud2"),
}


class Answered(NamedTuple):
    """An answer with computed outputs, so that another thread may encode them.

    Attributes:
        answer: the network's output, and depth if metric.
        points: payload of a cloud, if requested.
        nav: payload of a navigation cloud, if requested.
        scan: from a band of heights, if requested and the ground is known.
        uncertainty_m: (H, W), if requested.
    """

    answer: Answer[Any]
    points: Tensor | None = None
    nav: Tensor | None = None
    scan: Scan | None = None
    uncertainty_m: Tensor | None = None


class Encoded(NamedTuple):
    """A frame's serialised messages, and its depth as an array, if metric.

    Attributes:
        confidence: (H, W), 0 to 1, if it is an output.
    """

    messages: list[tuple[Topic, memoryview]]
    depth_m: npt.NDArray[np.float32] | None
    confidence: npt.NDArray[np.float32] | None = None


class Outputs:
    """The topics of a camera and their messages.

    Args:
        namespace: prefix of the topics' names, such as /front; empty: no prefix.
        pipeline: its settings determine the messages.
        extras: names of EXTRAS.
        scan_rows: height of the band of a scan, in pixels.
        scan.frame: frame of the scans; empty: the frame of the images without _optical.
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
                "one that denoises (grin-tiny), and grin.samples of 2 or more"
            )
        # camera_info first: a subscriber that waits for it can use the image of the same stamp.
        names = ("info", "depth", *extras) if pipeline.metric else ("info", "relative")
        self.topics = {
            name: standard(f"{namespace}/{_NAMES[name][0]}", _NAMES[name][1], RELIABLE)
            for name in names
        }

    @property
    def needs_place(self) -> bool:
        """Whether an output depends on the pose of the camera."""
        low_m, high_m = self._pipeline.settings.scan_height_band_m
        return "nav" in self.topics or ("scan" in self.topics and high_m > low_m)

    @property
    def wanted(self) -> Wanted:
        """The outputs of the pipeline that the topics need."""
        return Wanted(
            image="depth" in self.topics,
            points="points" in self.topics,
            colours="color" in self.topics,
            relative="relative" in self.topics,
            navigation=self.needs_place,
        )

    def render(self, answer: Answer[Any]) -> Answered:
        """Return an answer with outputs in their own memory; call it in the order of the frames."""
        pipeline, wanted, depth = self._pipeline, self.topics, answer.depth
        answered, place = Answered(answer), answer.job.place
        if depth is None:
            return answered
        if "points" in wanted:
            answered = answered._replace(points=pipeline.points(depth, torch.empty))
        if "uncertainty" in wanted:
            answered = answered._replace(uncertainty_m=pipeline.uncertainty_m(depth))
        if "nav" in wanted and place is not None:
            cloud = pipeline.nav_cloud(depth, place)
            count = len(cloud.payload) if cloud.count is None else int(cloud.count)
            answered = answered._replace(nav=cloud.payload[:count])
        if "scan" in wanted and place is not None and in_band(pipeline.settings, place):
            answered = answered._replace(scan=pipeline.scan(depth, place))
        return answered

    def encode(self, answered: Answered) -> Encoded:
        """Return a frame's messages; thread-safe."""
        answer, job = answered.answer, answered.answer.job
        frame = job.frame
        at = header(frame.stamp_ns, frame.frame_id)
        made: dict[str, Any] = {"info": _info(job.info, at)}
        depth_m, confidence = None, None
        if answer.depth is None:
            assert answer.estimate is not None
            values = answer.estimate.prediction.values[0].cpu().numpy()
            made["relative"] = image(values, "32FC1", frame.stamp_ns, frame.frame_id)
        else:
            depth_m = answer.depth.depth_m.cpu().numpy()
            made |= self._metric(answered, answer.depth, depth_m)
            if "confidence" in self.topics:
                assert answer.depth.confidence is not None
                confidence = answer.depth.confidence.cpu().numpy()
                made["confidence"] = image(confidence, "32FC1", frame.stamp_ns, frame.frame_id)
        for name, payload in (("points", answered.points), ("nav", answered.nav)):
            if payload is not None:
                made[name] = cloud(payload.cpu().numpy(), at)
        written = [(self.topics[name], _cdr(made[name])) for name in self.topics]
        return Encoded(written, depth_m, confidence)

    def _metric(
        self, answered: Answered, depth: DepthFrame, depth_m: npt.NDArray[np.float32]
    ) -> dict[str, Any]:
        settings, place = self._pipeline.settings, (depth.stamp_ns, depth.frame_id)
        encoding = settings.depth_encoding
        pixels = np.empty((*depth_m.shape, messages.DEPTH_PIXEL_BYTES[encoding]), np.uint8)
        messages.depth_to_bytes(depth_m, encoding, pixels.reshape(-1))
        made = {"depth": image(pixels, encoding, *place)}
        if "color" in self.topics:
            made["color"] = image(self._pipeline.colours(depth).cpu().numpy(), "rgb8", *place)
        if answered.uncertainty_m is not None:
            made["uncertainty"] = image(answered.uncertainty_m.cpu().numpy(), "32FC1", *place)
        if "scan" in self.topics:
            made["scan"] = self._laser_scan(answered, depth, depth_m, settings)
        return made

    def _laser_scan(
        self,
        answered: Answered,
        depth: DepthFrame,
        depth_m: npt.NDArray[np.float32],
        settings: Settings,
    ) -> Any:
        place = answered.answer.job.place
        if answered.scan is not None and place is not None:
            beams, ranges = answered.scan.beams, answered.scan.ranges_m.cpu().numpy()
            own = settings.with_values(scan_frame=self._scan_frame or settings.scan_frame)
            frame_id = scan_frame(own, place, depth.frame_id)
            far_m = scan_far_m(settings, place, depth, beams)
        else:
            found = scan.from_depth(depth_m, depth.camera, self._scan_rows)
            beams, ranges = (
                Beams(*found[:1], found.angle_increment, len(found.ranges)),
                found.ranges,
            )
            frame_id = self._scan_frame or settings.scan_frame or scan.frame_of(depth.frame_id)
            end_m = settings.max_depth_m or self._pipeline.model.max_depth_m or SCAN_FAR_M
            # The limit is a z-depth: ranges are longer at the sides.
            far_m = end_m / min(math.cos(found.angle_min), math.cos(found.angle_max))
        return TYPESTORE.types["sensor_msgs/msg/LaserScan"](
            header(depth.stamp_ns, frame_id),
            *(beams.angle_min, beams.angle_max, beams.angle_increment),
            time_increment=0.0,  # all beams have the same time
            scan_time=0.0,
            range_min=settings.min_depth_m,
            range_max=far_m,
            ranges=ranges,
            intensities=np.empty(0, np.float32),
        )


def cloud(payload: npt.NDArray[np.uint8], at: Any) -> Any:
    """Return a sensor_msgs/PointCloud2 from a payload (N, bytes) or organised (H, W, bytes)."""
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
