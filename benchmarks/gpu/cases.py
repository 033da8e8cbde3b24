"""Measurements of a network: alone in every way, in whole frames, and their stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import torch

from benchmarks.gpu import checks
from benchmarks.gpu.adapter import pipeline_of
from benchmarks.gpu.alone import CAPTURED, COMPILED, EAGER, Alone
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.frames import Frames, picture
from benchmarks.gpu.results import FRAME, NETWORK, Key
from benchmarks.gpu.timing import Call
from benchmarks.predictor import predictor_of
from depth_ros.models import DepthModel
from depth_ros.models.base import Request, Sampling
from depth_ros.pipeline import Frame, Pipeline
from depth_ros.runtimes.torch_runtime import TorchRuntime

STAGES = "stages"
PARTS = (NETWORK, FRAME, STAGES)
STEPS = (1, 2, 4, 8)
_COMPILE_S = 60.0


@dataclass(frozen=True)
class Case:
    """One network in one precision, with its request.

    Attributes:
        network, dtype: by name.
        width, height: of the images.
        asked: description of the request, in addition to the size.
        settings: of the pipeline, in addition to device and dtype.
        compiled: whether it is also measured compiled.
        parts: those of PARTS to measure.
    """

    network: str
    dtype: str
    width: int = 640
    height: int = 480
    asked: str = ""
    settings: dict[str, int] = field(default_factory=dict)
    compiled: bool = False
    parts: tuple[str, ...] = PARTS

    def key(self, part: str, way: str) -> Key:
        """Return the key of its times."""
        size = f"{self.width}x{self.height}"
        return Key(part, self.network, self.dtype, way, f"{size} {self.asked}".rstrip())

    def name(self, part: str, way: str) -> str:
        """Return the name of a part in failures."""
        return " ".join(self.key(part, way).text().split())


def variants(case: Case) -> Iterator[Case]:
    """Yield the cases of a network that denoises: by requested pixels and steps."""
    if case.network == "grin-base":
        case = replace(case, width=640, height=384)  # the paper's
    else:
        yield replace(case, asked="default S=1", settings={"grin_steps": 1})
    for steps in STEPS:
        settings = {"grin_steps": steps, "grin_query_stride": 1}
        yield replace(case, asked=f"dense S={steps}", settings=settings)


def run(bench: Bench, case: Case, model: DepthModel) -> None:
    """Measure a case of a model, and move its network to the device for that."""
    name = case.name("", "")
    frame = picture(case.width, case.height)
    pipeline = bench.attempt(name, lambda: _pipeline(bench, case, model, compiled=False))
    if pipeline is None:
        return
    alone = bench.attempt(name, lambda: _alone(bench, pipeline, frame))
    if alone is None:
        return
    if NETWORK in case.parts:
        _run_network(bench, case, alone)
    _run_frames(bench, case, pipeline, alone, frame, "")
    if case.compiled:
        compiled = bench.attempt(
            case.name(FRAME, COMPILED),
            lambda: _pipeline(bench, case, model, compiled=True),
            _COMPILE_S,
        )
        if compiled is not None:
            _run_frames(bench, case, compiled, alone, frame, COMPILED)


def _pipeline(bench: Bench, case: Case, model: DepthModel, compiled: bool) -> Pipeline:
    place = str(bench.device.place)
    return pipeline_of(model, place, case.dtype, compiled, **case.settings)


def _alone(bench: Bench, pipeline: Pipeline, frame: Frame) -> Alone:
    settings = pipeline.settings
    sampling = Sampling(
        settings.grin_steps, settings.grin_samples, settings.grin_seed, settings.grin_query_stride
    )
    rgb = torch.from_numpy(frame.rgb)[None].to(bench.device.place)
    request = Request([frame.camera], sampling=sampling)
    predictor = predictor_of(pipeline)
    assert isinstance(predictor.runtime, TorchRuntime)
    return Alone(predictor.model, bench.device, rgb, request, predictor.runtime.tuner)


def _run_network(bench: Bench, case: Case, alone: Alone) -> None:
    for way in (EAGER, CAPTURED, COMPILED) if case.compiled else (EAGER, CAPTURED):
        needs_s = _COMPILE_S if way == COMPILED else 0.0
        step = partial(_time_network, bench, case, alone, way)
        bench.attempt(case.name(NETWORK, way), step, needs_s)


def _time_network(bench: Bench, case: Case, alone: Alone, way: str) -> None:
    work = alone.work(way)
    expected = tuple(each.clone() for each in alone.work(EAGER)())
    bench.remark(case.name(NETWORK, way), checks.check_outputs(way, work(), expected, case.dtype))
    bench.time(case.key(NETWORK, way), Call(work))


def _run_frames(
    bench: Bench, case: Case, pipeline: Pipeline, alone: Alone, frame: Frame, way: str
) -> None:
    """Check whole frames, then time frames and stages as requested.

    Args:
        way: the pipeline's way, as known before its first frame.
    """
    if not {FRAME, STAGES} & set(case.parts):
        return
    frames = Frames(pipeline, bench.device, frame)
    remark = bench.attempt(
        case.name(FRAME, way), lambda: checks.check_frame(frames, alone, case.dtype)
    )
    if remark is None:
        return
    name, key = case.name(FRAME, frames.way), case.key(FRAME, frames.way)
    bench.remark(name, "; ".join([remark, *frames.notices]).strip("; "))
    if FRAME in case.parts:
        bench.attempt(name, partial(_time_frames, bench, key, frames))
    if STAGES in case.parts:
        bench.attempt(case.name(STAGES, frames.way), partial(_note_stages, bench, key, frames))


def _time_frames(bench: Bench, key: Key, frames: Frames) -> None:
    bench.time(key, frames)
    added_ms, share = bench.results.added_ms(key), bench.results.share(key)
    if added_ms is not None and share is not None:
        print(f"    added latency {added_ms:.2f} ms, the network's share in a row {share:.0%}")


def _note_stages(bench: Bench, key: Key, frames: Frames) -> None:
    laps = bench.results.stages[key] = frames.stages(bench.seconds)
    print("    " + ", ".join(f"{lap.stage} {lap.text()}" for lap in laps), flush=True)
