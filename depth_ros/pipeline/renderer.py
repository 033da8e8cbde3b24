"""The interface of renderers: metric values to depth, points and colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from torch import Tensor

from depth_ros.config import Settings
from depth_ros.errors import ModelError
from depth_ros.geometry.cloud import Allocate
from depth_ros.geometry.edges import radius_for
from depth_ros.geometry.render import Edges
from depth_ros.models.base import ModelFacts
from depth_ros.pipeline.depth_frame import DepthFrame
from depth_ros.pipeline.estimate import Estimate
from depth_ros.pipeline.metric_scaler import Scaled
from depth_ros.pipeline.wanted import Wanted

_BLURRED = 2.0  # enlargement of the network's map from which on edges are filled


@dataclass(frozen=True)
class Cloud:
    """A cloud's payload, on the network's device.

    Attributes:
        payload: uint8 (H, W, bytes) of an organised cloud, otherwise (N, bytes).
        count: number of valid points: the first rows, in order; the other rows are undefined. A
            scalar int64 tensor on the payload's device, whose value may not be computed yet;
            None: all rows are valid.
    """

    payload: Tensor
    count: Tensor | None = None


class Renderer(Protocol):
    """Makes depth, points and colours from metric values, on the values' device."""

    def depth(
        self, estimate: Estimate, scaled: Scaled, settings: Settings, wanted: Wanted
    ) -> DepthFrame:
        """Return depth; NaN: no estimate, +inf: beyond range (REP 117)."""

    def points(
        self, depth: DepthFrame, settings: Settings, allocate: Allocate | None = None
    ) -> Tensor:
        """Return the payload of a cloud, see Pipeline.points."""

    def cloud(self, depth: DepthFrame, settings: Settings) -> Cloud:
        """Return the cloud without waiting for the device, see Pipeline.cloud."""

    def colours(self, depth: DepthFrame, settings: Settings) -> Tensor:
        """Return depth in colour, uint8 (H, W, 3) rgb."""


def unrendered(estimate: Estimate, scaled: Scaled) -> DepthFrame:
    """Return a frame with the scaled values in depth_m, before rendering."""
    frame, confidence = estimate.frame, estimate.prediction.confidence
    return DepthFrame(
        scaled.values,
        estimate.rgb,
        frame.camera,
        frame.stamp_ns,
        frame.frame_id,
        scaled.scale,
        estimate.network_size,
        None if confidence is None else confidence[0],
        estimate.stride,
        scaled.far_m,
    )


def edges_of(depth: DepthFrame, settings: Settings) -> Edges:
    """Return what happens to flying pixels of a frame, as edges.filter says."""
    if settings.edges_filter != "auto":
        return cast(Edges, settings.edges_filter)
    height, width = depth.depth_m.shape
    rows, columns = depth.network_size or (height, width)
    return "fill" if max(height / rows, width / columns) >= _BLURRED else "points"


def edge_radius_px(depth: DepthFrame, settings: Settings) -> int:
    """Return the distance of the neighbours that the edge filter extrapolates from."""
    height, width = depth.depth_m.shape
    size = (height, width)
    return settings.edges_radius_px or radius_for(depth.network_size or size, size)


def point_stride(stride: int, settings: Settings) -> int:
    """Return the stride of points, in pixels and rows of a frame of a stride, see Estimate."""
    return max(1, settings.stride // stride)


def check_confidence(model: ModelFacts, depth: DepthFrame, settings: Settings) -> None:
    """Refuse min_confidence without confidence.

    Raises:
        ModelError: the settings need confidence, and depth has none.
    """
    if settings.min_confidence and depth.confidence is None:
        raise ModelError(no_confidence(model))


def no_confidence(model: ModelFacts) -> str:
    """Return why a model gives no confidence."""
    if not model.denoises:
        return f"model '{model.entry.name}' gives no confidence, expected min_confidence:=0"
    return "one sample gives no confidence, expected grin.samples:=2 or more, or min_confidence:=0"
