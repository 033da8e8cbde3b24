"""From values to metric depth, points and colours: one function of tensors, no synchronisation.

Numeric settings are a tensor (Numbers). Settings that change shapes or operations are a Plan. A
captured CUDA graph is valid for one plan and all numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from depth_ros.geometry.cloud import compacted, points_of
from depth_ros.geometry.colour import colourise, robust_limits
from depth_ros.geometry.depth import limit_range, scaled_depth
from depth_ros.geometry.edge_fill import fill
from depth_ros.geometry.edges import flying

Values = Literal["metres", "depth", "inverse", "done"]
Edges = Literal["off", "points", "image", "fill"]


@dataclass(frozen=True)
class Plan:
    """The outputs to make from values, and how.

    Attributes:
        values: kind of the values: depth in metres up to a factor; depth, or inverse depth, up to
            scale and shift; or done: depth with its range limited and its edges filtered already.
        edges: output from which flying pixels between two surfaces are removed: off, points,
            image (and points), or fill: points, and depth is filled, see edge_fill.fill.
        radius_px: see edges.flying.
        points: whether points are made.
        organised: one point per pixel, with NaN for no point, instead of finite points only.
        stride: every n-th column and row gives points.
        coloured: whether points have the colour of the image.
        beyond: whether pixels beyond range become points at the end of the range.
        confident: whether points need a minimum confidence.
        colours: whether a colour image of depth is made.
        percentiles: whether the colour range follows each image, instead of being fixed.
    """

    values: Values = "metres"
    edges: Edges = "off"
    radius_px: int = 1
    points: bool = False
    organised: bool = False
    stride: int = 1
    coloured: bool = False
    beyond: bool = False
    confident: bool = False
    colours: bool = False
    percentiles: bool = False


class Numbers(NamedTuple):
    """Numeric settings of the outputs: floats, or 0-dimensional tensors.

    Attributes:
        scale, shift: of the values, see depth.scaled_depth; depth in metres has no shift.
        near_m, far_m: range of depth, see depth.limit_range.
        edge_step: see edges.flying.
        min_confidence: minimum confidence of a point.
        colour_near_m, colour_far_m: see colour.colourise.
    """

    scale: float | Tensor = 1.0
    shift: float | Tensor = 0.0
    near_m: float | Tensor = 0.0
    far_m: float | Tensor = torch.inf
    edge_step: float | Tensor = 0.025
    min_confidence: float | Tensor = 0.0
    colour_near_m: float | Tensor = 0.5
    colour_far_m: float | Tensor = 10.0


class Scene(NamedTuple):
    """Further inputs of an image; None if the plan does not need them.

    Attributes:
        rgb: uint8 (H, W, 3), for colours of points, and to fill depth.
        x, y: (h, w) viewing rays x/z and y/z of the pixels that give points.
        confidence: (H, W).
        table: uint8 (256, 3), see colour.colour_table.
        filled: bool (H, W), the filled pixels of depth that is done.
    """

    rgb: Tensor | None = None
    x: Tensor | None = None
    y: Tensor | None = None
    confidence: Tensor | None = None
    table: Tensor | None = None
    filled: Tensor | None = None


@dataclass(frozen=True)
class Rendered:
    """The outputs; None if not requested.

    Attributes:
        depth_m: (H, W), see limit_range.
        payload: uint8 (h, w, bytes) if organised, else (h * w, bytes), see cloud.compacted.
        count: number of points at the front of a payload that is not organised.
        colours: uint8 (H, W, 3) rgb.
        filled: bool (H, W), the pixels that were filled.
    """

    depth_m: Tensor | None = None
    payload: Tensor | None = None
    count: Tensor | None = None
    colours: Tensor | None = None
    filled: Tensor | None = None

    @property
    def tensors(self) -> tuple[Tensor | None, ...]:
        """All outputs, in the order of the attributes."""
        return tuple(getattr(self, each.name) for each in fields(self))


def render(plan: Plan, values: Tensor, scene: Scene, numbers: Tensor) -> Rendered:
    """Return the outputs of a plan for values (H, W).

    Args:
        plan: the outputs to make.
        values: are not changed.
        scene: further inputs of the image.
        numbers: float64 (8,) on the device of values, see Numbers.
    """
    given = Numbers(*numbers.unbind())
    depth_m = _depth(plan, values, given)
    flies = scene.filled
    if flies is None and _is_tested(plan):
        flies = flying(depth_m, given.edge_step, plan.radius_px)
    if plan.values != "done" and flies is not None:
        depth_m = _without_edges(plan, depth_m, flies, scene, given)
    payload = count = colours = None
    if plan.points:
        payload, count = _cloud(plan, depth_m, scene, given, flies)
    if plan.colours:
        colours = _colours(plan, depth_m, scene, given)
    if plan.values == "done":
        return Rendered(None, payload, count, colours)
    return Rendered(depth_m, payload, count, colours, flies if plan.edges == "fill" else None)


def _is_tested(plan: Plan) -> bool:
    """Whether a plan needs to know which pixels are flying."""
    in_depth = plan.values != "done" and plan.edges in ("image", "fill")
    return in_depth or (plan.points and plan.edges in ("points", "fill"))


def _without_edges(
    plan: Plan, depth_m: Tensor, flies: Tensor, scene: Scene, given: Numbers
) -> Tensor:
    """Return depth with its flying pixels removed or filled; may change depth in place."""
    if plan.edges == "image":
        return depth_m.masked_fill_(flies, torch.nan)
    if plan.edges == "fill":
        assert scene.rgb is not None
        depth_m = fill(depth_m, scene.rgb, flies, plan.radius_px)
        # A mean of a surface and of pixels beyond range may be beyond range.
        return limit_range(depth_m, given.near_m, given.far_m)
    return depth_m


def _depth(plan: Plan, values: Tensor, given: Numbers) -> Tensor:
    if plan.values == "done":
        return values
    if plan.values == "metres":
        depth_m = values * given.scale
    else:
        depth_m = scaled_depth(values, given.scale, given.shift, plan.values == "inverse")
    return limit_range(depth_m, given.near_m, given.far_m)


def _cloud(
    plan: Plan, depth_m: Tensor, scene: Scene, given: Numbers, without: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    if plan.confident:
        assert scene.confidence is not None
        # Negated, so that NaN is excluded too.
        unsure = ~(scene.confidence >= given.min_confidence)
        without = unsure if without is None else without | unsure
    if plan.beyond:
        # Not masked_fill, which synchronises to read the value of a tensor.
        depth_m = torch.where(torch.isposinf(depth_m), given.far_m, depth_m)
    step = plan.stride
    assert scene.x is not None and scene.y is not None
    rgb = scene.rgb if plan.coloured else None
    points = points_of(
        depth_m[::step, ::step],
        scene.x,
        scene.y,
        None if rgb is None else rgb[::step, ::step],
        None if without is None else without[::step, ::step],
    )
    if plan.organised:
        return points.view(torch.uint8), None
    packed, count = compacted(points)
    return packed.view(torch.uint8), count


def _colours(plan: Plan, depth_m: Tensor, scene: Scene, given: Numbers) -> Tensor:
    near_m, far_m = given.colour_near_m, given.colour_far_m
    if plan.percentiles:
        near_m, far_m = robust_limits(depth_m)
    assert scene.table is not None
    return colourise(depth_m, near_m, far_m, scene.table)
