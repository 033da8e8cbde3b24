"""One run: check, then measure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import checks, example, machine, network, stages
from benchmarks.obvious import Obvious
from benchmarks.predictor import predictor_of
from benchmarks.report import COPY, EDGES, NETWORK, OBVIOUS, OURS, OWN_NETWORK, WHOLE, Report, key
from benchmarks.stages import STAGES, Ours
from benchmarks.timing import Timer
from depth_ros import runtimes
from depth_ros.config import Settings
from depth_ros.geometry.edges import flying, radius_for
from depth_ros.pipeline import Pipeline
from depth_ros.runtimes.torch_runtime import TorchRuntime

Call = Callable[[], object]

_CLOUD_BYTES = example.WIDTH * example.HEIGHT * 16


@torch.inference_mode()
def run(model: str, device: str, repeats: int, warm_up: int) -> Report:
    """Check that both ways agree, then measure them and the other series, in turn.

    Raises:
        DepthError: the model or the device is unavailable.
        MismatchError: the ways do not agree.
    """
    # The obvious way has no edge filter, so it is timed separately.
    runtimes.prepare_process(device)
    pipeline = Pipeline.from_settings(Settings(model=model, device=device, edges_filter="off"))
    frame = example.make(pipeline)
    checks.check_stages(pipeline, frame)
    pipeline.settings = pipeline.settings.with_values(max_depth_m=example.MAX_DEPTH_M)
    ours, obvious = Ours(pipeline, frame), Obvious(pipeline, frame)
    stages.run(ours)
    stages.run(obvious)
    checks.check_ways(ours, obvious)
    used = pipeline.device
    facts, beside = machine.describe(used), _beside(ours)
    series = Timer(used, repeats, warm_up).measure(_stages(ours, obvious) | beside)
    return Report(facts, _labels(ours), series)


def _stages(ours: Ours, obvious: Obvious) -> dict[str, Call]:
    ways = {OURS: ours, OBVIOUS: obvious}
    return {key(name, stage): getattr(way, stage) for name, way in ways.items() for stage in STAGES}


def _beside(ours: Ours) -> dict[str, Call]:
    """Return the series that stages are compared with."""
    runtime, settings = predictor_of(ours.pipeline).runtime, ours.pipeline.settings
    big = TorchRuntime(network.build(), str(runtime.device))
    pixels = torch.rand(1, 3, network.SIDE, network.SIDE, device=runtime.device)
    height, width = ours.example.raw.shape[-2:]
    radius_px = radius_for((height, width), (example.HEIGHT, example.WIDTH))
    source, copy = np.ones(_CLOUD_BYTES, np.uint8), np.ones(_CLOUD_BYTES, np.uint8)
    return {
        NETWORK: partial(big, pixels),
        OWN_NETWORK: partial(runtime, ours.pixels),
        WHOLE: ours.whole_frame,
        EDGES: partial(flying, ours.depth.depth_m, settings.edges_step, radius_px),
        COPY: partial(np.copyto, copy, source),
    }


def _labels(ours: Ours) -> dict[str, str]:
    """Return descriptions of the comparisons."""
    model, size = predictor_of(ours.pipeline).model, "x".join(map(str, ours.pixels.shape[:1:-1]))
    own = f"{Path(model.entry.name).name}, {network.millions(model.network):.1f} M"
    return {
        NETWORK: f"network: {network.NAME}, {network.SIDE}x{network.SIDE}",
        OWN_NETWORK: f"network: {own}, {size}",
        WHOLE: "ours from Image to messages, that network included",
        EDGES: "edge filter, which the obvious way lacks",
        COPY: f"copy of {_CLOUD_BYTES / 1e6:.1f} MB, a cloud of every pixel",
    }
