"""The outputs of a conversion for a frame: topics, and messages as bytes."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import partial
from typing import Any, NamedTuple

import torch

from depth_ros import messages
from depth_ros.arrays import DepthArray
from depth_ros.bag import scan
from depth_ros.bag.types import RELIABLE, TYPESTORE, Topic, standard
from depth_ros.bag.writer import camera_info_of, header, message
from depth_ros.engine import Answer
from depth_ros.errors import BagSettingError
from depth_ros.geometry.scan import Beams
from depth_ros.outputs.frame_output import FrameOutput, depth_output, relative_output
from depth_ros.outputs.topics import EXTRAS, TOPICS
from depth_ros.pipeline import DepthFrame, Pipeline, Place, Wanted
from depth_ros.pipeline.laser_scan import SCAN_FAR_M, in_band

_IN_ORDER = ("points", "depth/uncertainty", "points/nav", "scan")
"""Outputs that depend on the frames before, or are computed in memory that frames share."""


class Answered(NamedTuple):
    """An answer with computed outputs, so that another thread may encode them.

    Attributes:
        answer: the network's output, and depth if metric.
        outputs: those that are computed in the order of the frames, by topic.
    """

    answer: Answer[Any]
    outputs: dict[str, FrameOutput]


class Encoded(NamedTuple):
    """A frame's serialised messages, and its depth as an array, if metric.

    Attributes:
        confidence: (H, W), 0 to 1, if it is an output.
    """

    messages: list[tuple[Topic, memoryview]]
    depth_m: DepthArray | None
    confidence: DepthArray | None = None


class Outputs:
    """The topics of a camera and their messages.

    Args:
        namespace: prefix of the topics' names, such as /front; empty: no prefix.
        pipeline: its settings determine the messages.
        extras: names of EXTRAS.
        scan_rows: height of the band of a scan, in pixels.

    Attributes:
        topics: those that are written, in this order, by their names without the prefix.
    """

    def __init__(
        self, namespace: str, pipeline: Pipeline, extras: Collection[str], scan_rows: int
    ) -> None:
        self._pipeline, self._scan_rows = pipeline, scan_rows
        if "confidence" in extras and not pipeline.model.has_confidence(
            pipeline.settings.grin_samples
        ):
            raise BagSettingError(
                f"model '{pipeline.model.entry.name}' gives no confidence with these settings, "
                "expected a denoising model (grin-tiny) and grin.samples of 2 or more"
            )
        of_depth = ("depth/image", *(EXTRAS[name] for name in extras))
        # camera_info first: a subscriber that waits for it can use the image of the same stamp.
        names = ("depth/camera_info", *(of_depth if pipeline.metric else ("depth/relative",)))
        self.topics = {
            name: standard(f"{namespace}/{name}", TOPICS[name].kind, RELIABLE) for name in names
        }

    @property
    def needs_place(self) -> bool:
        """Whether an output depends on the pose of the camera."""
        return self.wanted.navigation

    @property
    def wanted(self) -> Wanted:
        """The outputs of the pipeline that the topics need."""
        low_m, high_m = self._pipeline.settings.scan_height_band_m
        flat = () if high_m > low_m else ("scan",)  # it is made of depth alone
        return Wanted.of([TOPICS[name].needs for name in self.topics if name not in flat])

    def render(self, answer: Answer[Any]) -> Answered:
        """Return an answer with outputs in their own memory; call it in the order of the frames."""
        depth, place = answer.depth, answer.job.place
        if depth is None:
            return Answered(answer, {})
        topics = [name for name in _IN_ORDER if name in self.topics]
        if place is None or not in_band(self._pipeline.settings, place):
            topics = [name for name in topics if name != "scan"]
        return Answered(answer, {name: self._output(name, depth, place) for name in topics})

    def encode(self, answered: Answered) -> Encoded:
        """Return a frame's messages; thread-safe."""
        job = answered.answer.job
        stamp_ns, frame_id = job.frame.stamp_ns, job.frame.frame_id
        info = camera_info_of(job.info, header(stamp_ns, frame_id))
        written, arrays = [(self.topics["depth/camera_info"], _cdr(info))], {}
        for name, output in self._outputs(answered).items():
            arrays[name] = values = output.on_host()
            at = header(stamp_ns, output.frame_id)
            made = message(TOPICS[name].kind, at, output.content(values))
            written.append((self.topics[name], _cdr(made)))
        return Encoded(written, arrays.get("depth/image"), arrays.get("depth/confidence"))

    def _outputs(self, answered: Answered) -> dict[str, FrameOutput]:
        """Return all outputs of a frame, in the order of the topics."""
        answer = answered.answer
        if answer.depth is None:
            assert answer.estimate is not None
            return {"depth/relative": relative_output(answer.estimate)}
        return {
            name: answered.outputs.get(name) or self._output_of_depth(name, answer.depth)
            for name in self.topics
            if name != "depth/camera_info"
        }

    def _output_of_depth(self, name: str, depth: DepthFrame) -> FrameOutput:
        return self._flat_scan(depth) if name == "scan" else self._output(name, depth, None)

    def _output(self, name: str, depth: DepthFrame, place: Place | None) -> FrameOutput:
        return depth_output(name, self._pipeline, depth, place or Place(), torch.empty)

    def _flat_scan(self, depth: DepthFrame) -> FrameOutput:
        """Return a scan of the rows around the optical axis."""
        settings = self._pipeline.settings
        depth_m = depth.depth_m.cpu().numpy()
        found = scan.from_depth(depth_m, depth.camera, self._scan_rows)
        beams = Beams(found.angle_min, found.angle_increment, len(found.ranges))
        end_m = settings.max_depth_m or self._pipeline.model.max_depth_m or SCAN_FAR_M
        # The limit is a z-depth: ranges are longer at the sides.
        far_m = end_m / min(math.cos(found.angle_min), math.cos(found.angle_max))
        near_m = settings.min_depth_m
        content = partial(messages.scan_content, beams=beams, near_m=near_m, far_m=far_m)
        frame_id = settings.scan_frame or scan.frame_of(depth.frame_id)
        return FrameOutput(torch.from_numpy(found.ranges), content, frame_id)


def _cdr(message: Any) -> memoryview:
    return TYPESTORE.serialize_cdr(message, message.__msgtype__)
