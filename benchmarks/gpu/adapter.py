"""The pipeline's methods as the measurements use them."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from benchmarks.gpu.alone import COMPILED, EAGER
from depth_ros import runtimes
from depth_ros.config import Settings
from depth_ros.models import DepthModel
from depth_ros.pipeline import DepthFrame, Frame, Pipeline


class Answer(NamedTuple):
    """What a frame comes to, on the device.

    Attributes:
        depth: of measure().
        payload: of the cloud, its last dimension the bytes of a point.
        points: int, how many there are in it; None: all.
    """

    depth: DepthFrame
    payload: Tensor
    points: Tensor | None = None


def pipeline_of(
    model: DepthModel, device: str, dtype: str, compiled: bool = False, **more: int | str
) -> Pipeline:
    """Return a pipeline of a model, in whatever precision: random weights need not be safe in it.

    The network is brought to the device, in the layout that it runs fastest in there.
    """
    settings = Settings(device=device, dtype=dtype, compile=compiled).with_values(**more)
    runtime = runtimes.create(
        settings.runtime,
        model.network,
        settings.device,
        settings.dtype,
        model.graphs,
        settings.providers,
        settings.compile,
    )
    runtimes.prepare(runtime.device)
    return Pipeline(model, runtime, settings)


def way_of(pipeline: Pipeline) -> str:
    """Return how a pipeline runs its network: the way of Alone to compare it with."""
    return COMPILED if pipeline.settings.compile else EAGER


def answer(pipeline: Pipeline, frame: Frame) -> Answer:
    """Ask for depth and cloud of a frame; the device may still be at it."""
    depth = pipeline.measure(pipeline.predict(frame))
    return Answer(depth, pipeline.points(depth))
