"""The renderer for a GPU: all requested outputs of a frame in one captured graph.

If nothing is measured between the network and the outputs, that graph is the network's own.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache, partial

import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.cloud import Allocate
from depth_ros.geometry.colour import colour_table
from depth_ros.geometry.render import Numbers, Plan, Rendered, Scene, render
from depth_ros.models import Output, Prediction
from depth_ros.models.base import ModelFacts
from depth_ros.pipeline.depth_frame import DepthFrame
from depth_ros.pipeline.estimate import Estimate
from depth_ros.pipeline.finish import Finish
from depth_ros.pipeline.metric_scaler import Constant, Scaled
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
from depth_ros.runtimes.capture import Graphs
from depth_ros.runtimes.download import Download
from depth_ros.runtimes.upload import to_device
from depth_ros.scale.scaler import Scale

_SHAPING = (
    "edges_filter",
    "edges_radius_px",
    "points_organised",
    "points_colour",
    "stride",
    "colour_range",
)
"""Settings that _plan() takes as they are."""

_RAY_TABLES = 16
_NUMBERS = 16


class CapturedRenderer:
    """Makes depth, points and colours as captured graphs, see Renderer.

    Args:
        model: facts about the network.
        profile: measures the time of each stage.
        graphs: of the device.
        device: of the values.
    """

    def __init__(
        self, model: ModelFacts, profile: Profile, graphs: Graphs, device: torch.device
    ) -> None:
        self._model, self._profile, self._graphs = model, profile, graphs
        # Not a cached method: the reference cycle would keep the GPU's memory.
        self._table = lru_cache(maxsize=4)(lambda name: colour_table(name).to(device))
        self._planes = lru_cache(maxsize=_RAY_TABLES)(partial(_ray_planes, device))
        self._sent = lru_cache(maxsize=_NUMBERS)(partial(_sent, device))
        self._download = Download()

    def depth(
        self, estimate: Estimate, scaled: Scaled, settings: Settings, wanted: Wanted
    ) -> DepthFrame:
        """Return depth (NaN: no estimate, +inf: beyond range), together with wanted outputs."""
        raw = unrendered(estimate, scaled)
        rendered = _finished(estimate, scaled, settings, wanted)
        if rendered is None:
            plan = _plan(raw, settings, wanted)
            if scaled.scale is not None:
                inverse = scaled.kind is Output.AFFINE_INVERSE_DEPTH
                plan = replace(plan, values="inverse" if inverse else "depth")
            numbers = _numbers(scaled.scale, scaled.far_m, settings, scaled.factor)
            rendered = self._render(plan, raw, settings, numbers)
        assert rendered.depth_m is not None
        done = replace(raw, depth_m=rendered.depth_m, filled=rendered.filled)
        return replace(done, rendered=(settings, rendered))

    def finish(
        self,
        settings: Settings,
        wanted: Wanted,
        constant: Constant,
        camera: Camera,
        stride: int,
    ) -> Finish:
        """Return what makes the outputs of a frame in the graph of the network.

        Args:
            settings, wanted: of the outputs.
            constant: makes the network's values metric.
            camera, stride: see Finisher.
        """
        numbers = _numbers(None, constant.far_m, settings, constant.factor)
        x = y = None
        if wanted.points:
            predicted = camera if stride == 1 else camera.subsample(stride)
            x, y = self._planes(predicted, point_stride(stride, settings))
        table = self._table(settings.colour_map) if wanted.colours else None
        beyond = settings.beyond_range == "max" and math.isfinite(constant.far_m)
        shaping = tuple(getattr(settings, name) for name in _SHAPING)
        key = (wanted, stride, beyond, settings.min_confidence > 0, *shaping)
        run = partial(_finish, settings, wanted, camera, constant.far_m, stride)
        return Finish(settings, wanted, key, run, (self._sent(numbers), x, y, table))

    def points(
        self, depth: DepthFrame, settings: Settings, allocate: Allocate | None = None
    ) -> Tensor:
        """Return the payload of a cloud, see Pipeline.points."""
        cloud = self.cloud(depth, settings)
        payload = cloud.payload if cloud.count is None else cloud.payload[: int(cloud.count)]
        if allocate is None:
            return payload
        self._profile.begin("copy")
        memory = allocate(payload.numel() // 4)
        return memory.view(torch.uint8).view(payload.shape).copy_(self._download(payload))

    def cloud(self, depth: DepthFrame, settings: Settings) -> Cloud:
        """Return the cloud without synchronisation, see Pipeline.cloud."""
        check_confidence(self._model, depth, settings)
        self._profile.begin("points")
        rendered = self._rendered(depth, settings, Wanted(points=True))
        assert rendered.payload is not None
        return Cloud(rendered.payload, rendered.count)

    def colours(self, depth: DepthFrame, settings: Settings) -> Tensor:
        """Return depth in colour, uint8 (H, W, 3) rgb."""
        self._profile.begin("colours")
        rendered = self._rendered(depth, settings, Wanted(colours=True))
        assert rendered.colours is not None
        return rendered.colours

    def _rendered(self, depth: DepthFrame, settings: Settings, wanted: Wanted) -> Rendered:
        """Return wanted outputs of depth: already rendered together with it, or new."""
        used_settings, rendered = depth.rendered or (None, Rendered())
        has_wanted = (rendered.payload is not None or not wanted.points) and (
            rendered.colours is not None or not wanted.colours
        )
        if has_wanted and rendered.depth_m is depth.depth_m and used_settings == settings:
            return rendered
        plan = replace(_plan(depth, settings, wanted), values="done")
        return self._render(plan, depth, settings, _numbers(depth.scale, depth.far_m, settings))

    def _render(
        self, plan: Plan, depth: DepthFrame, settings: Settings, numbers: Numbers
    ) -> Rendered:
        """Run a plan on the device."""
        x, y = self._planes(depth.camera, plan.stride) if plan.points else (None, None)
        table = self._table(settings.colour_map) if plan.colours else None
        done = plan.values == "done"
        fills = plan.edges == "fill" and not done
        removes = plan.points and plan.edges in ("points", "fill")
        tensors, _ = self._graphs.render(
            plan,
            partial(_run, plan),
            depth.depth_m,
            depth.rgb if plan.coloured or fills else None,
            depth.confidence if plan.confident else None,
            depth.filled if done and removes else None,
            constants=(self._sent(numbers), x, y, table),
        )
        return Rendered(*tensors)


def _plan(depth: DepthFrame, settings: Settings, wanted: Wanted) -> Plan:
    confident = bool(settings.min_confidence)
    points = wanted.points and not (confident and depth.confidence is None)  # cloud() raises
    return Plan(
        edges=edges_of(depth, settings),
        radius_px=edge_radius_px(depth, settings),
        points=points,
        organised=points and settings.points_organised,
        stride=point_stride(depth.stride, settings) if points else 1,
        coloured=points and settings.points_colour,
        beyond=points and settings.beyond_range == "max" and math.isfinite(depth.far_m),
        confident=points and confident,
        colours=wanted.colours,
        percentiles=wanted.colours and settings.colour_range == "percentiles",
    )


def _numbers(
    scale: Scale | None, far_m: float, settings: Settings, factor: float | None = None
) -> Numbers:
    """Return the numbers of a plan; factor: see Scaled."""
    return Numbers(
        (1.0 if factor is None else factor) if scale is None else scale.scale,
        0.0 if scale is None else scale.shift,
        settings.min_depth_m,
        far_m,
        settings.edges_step,
        settings.min_confidence,
        settings.colour_near_m,
        settings.colour_far_m,
    )


def _finished(
    estimate: Estimate, scaled: Scaled, settings: Settings, wanted: Wanted
) -> Rendered | None:
    """Return the outputs that were made together with an estimate, if they are the wanted ones."""
    finished = estimate.finished
    if finished is None or scaled.factor is None:
        return None
    same = finished.values is estimate.prediction.values
    same = same and finished.settings == settings and finished.wanted == wanted
    return finished.rendered if same else None


def _finish(
    settings: Settings,
    wanted: Wanted,
    camera: Camera,
    far_m: float,
    stride: int,
    prediction: Prediction,
    rgb: Tensor,
    *constants: Tensor | None,
) -> Rendered | None:
    """Return the outputs for a prediction, see Finish."""
    if prediction.output is not Output.METRIC_DEPTH or prediction.f_px is not None:
        return None  # the scale depends on what was predicted
    confidence = None if prediction.confidence is None else prediction.confidence[0]
    raw = DepthFrame(
        prediction.values[0],
        rgb,
        camera,
        0,
        "",
        network_size=prediction.network_size,
        confidence=confidence,
        stride=stride,
        far_m=far_m,
    )
    numbers, x, y, table = constants
    assert numbers is not None
    scene = Scene(rgb, x, y, confidence, table)
    return render(_plan(raw, settings, wanted), raw.depth_m, scene, numbers)


def _run(
    plan: Plan, values: Tensor, *given: Tensor | None
) -> tuple[tuple[Tensor | None, ...], None]:
    """Run a plan; a function of tensors only, see capture."""
    rgb, confidence, filled, numbers, x, y, table = given
    assert numbers is not None
    rendered = render(plan, values, Scene(rgb, x, y, confidence, table, filled), numbers)
    return rendered.tensors, None


def _sent(device: torch.device, numbers: Numbers) -> Tensor:
    """Return numbers as float64 (8,) on a device."""
    return to_device(torch.tensor(numbers, dtype=torch.float64), device)


def _ray_planes(device: torch.device, camera: Camera, stride: int) -> tuple[Tensor, Tensor]:
    """Return x/z and y/z of every stride-th viewing ray, each (h, w)."""
    x, y = torch.from_numpy(camera.rays()[::stride, ::stride].copy()).unbind(-1)
    return x.contiguous().to(device), y.contiguous().to(device)
