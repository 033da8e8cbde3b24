"""The renderer for the CPU: makes each output on request, in place or in the caller's memory."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.cloud import Allocate, CloudPacker
from depth_ros.geometry.colour import colour_table, colourise, robust_range
from depth_ros.geometry.depth import limit_range
from depth_ros.geometry.edge_fill import fill
from depth_ros.geometry.edges import flying
from depth_ros.models.base import ModelFacts
from depth_ros.pipeline.depth_frame import DepthFrame
from depth_ros.pipeline.estimate import Estimate
from depth_ros.pipeline.metric_scaler import Scaled
from depth_ros.pipeline.renderer import (
    Cloud,
    check_confidence,
    edge_radius_px,
    edges_of,
    point_stride,
    unrendered,
)
from depth_ros.pipeline.wanted import Wanted
from depth_ros.profile import Profile

_table = lru_cache(maxsize=4)(colour_table)


class HostRenderer:
    """Makes depth, points and colours on the CPU, see Renderer.

    Payloads of points() are valid until its next call, unless the caller provides the memory.

    Args:
        model: facts about the network.
        profile: measures the time of each stage.
    """

    def __init__(self, model: ModelFacts, profile: Profile) -> None:
        self._model, self._profile = model, profile
        # Not a cached method: the reference cycle would keep the renderer alive.
        self._packer = lru_cache(maxsize=4)(_new_packer)

    def depth(
        self, estimate: Estimate, scaled: Scaled, settings: Settings, wanted: Wanted
    ) -> DepthFrame:
        """Return depth (NaN: no estimate, +inf: beyond range); may overwrite scaled.values."""
        values, scale = scaled.values, scaled.scale
        if scale is not None:
            values = scale.depth_m(values, scaled.kind)
        elif scaled.factor is not None:
            values = values * scaled.factor
        depth_m = limit_range(values, settings.min_depth_m, scaled.far_m)
        depth = replace(unrendered(estimate, scaled), depth_m=depth_m)
        edges = edges_of(depth, settings)
        if edges == "image":
            depth_m.masked_fill_(self._flying(depth, settings), torch.nan)
        if edges != "fill":
            return depth
        filled = self._flying(depth, settings)
        depth_m = fill(depth_m, depth.rgb, filled, edge_radius_px(depth, settings))
        # A mean of a surface and of pixels beyond range may be beyond range.
        depth_m = limit_range(depth_m, settings.min_depth_m, scaled.far_m)
        return replace(depth, depth_m=depth_m, filled=filled)

    def points(
        self, depth: DepthFrame, settings: Settings, allocate: Allocate | None = None
    ) -> Tensor:
        """Return the payload of a cloud, see Pipeline.points."""
        check_confidence(self._model, depth, settings)
        stride = point_stride(depth.stride, settings)
        packer = self._packer(depth.camera, settings.points_colour, stride)
        depth_m = depth.depth_m
        if settings.beyond_range == "max" and math.isfinite(depth.far_m):
            depth_m = depth_m.masked_fill(torch.isposinf(depth_m), depth.far_m)
        excluded = self._excluded(depth, settings)
        self._profile.begin("points")
        return packer.pack(depth_m, depth.rgb, settings.points_organised, allocate, excluded)

    def cloud(self, depth: DepthFrame, settings: Settings) -> Cloud:
        """Return the cloud, see Pipeline.cloud."""
        return Cloud(self.points(depth, settings))

    def colours(self, depth: DepthFrame, settings: Settings) -> Tensor:
        """Return depth in colour, uint8 (H, W, 3) rgb."""
        self._profile.begin("colours")
        near_m, far_m = settings.colour_near_m, settings.colour_far_m
        if settings.colour_range == "percentiles":
            near_m, far_m = robust_range(depth.depth_m)
        return colourise(depth.depth_m, near_m, far_m, _table(settings.colour_map))

    def _excluded(self, depth: DepthFrame, settings: Settings) -> Tensor | None:
        """Return a mask (H, W) of pixels that give no points, for any depth; None: no pixels."""
        excluded = None
        if edges_of(depth, settings) in ("points", "fill"):
            excluded = self._flying(depth, settings)
        if settings.min_confidence:
            assert depth.confidence is not None
            # Negated, so that NaN is excluded too.
            low = ~(depth.confidence >= settings.min_confidence)
            excluded = low if excluded is None else excluded | low
        return excluded

    def _flying(self, depth: DepthFrame, settings: Settings) -> Tensor:
        if depth.filled is not None:
            return depth.filled
        self._profile.begin("edges")
        return flying(depth.depth_m, settings.edges_step, edge_radius_px(depth, settings))


def _new_packer(camera: Camera, colour: bool, stride: int) -> CloudPacker:
    return CloudPacker(torch.from_numpy(camera.rays().copy()), colour, stride)
