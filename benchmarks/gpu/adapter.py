"""The pipeline's methods, adapted for the measurements."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from benchmarks.gpu.alone import CAPTURED, COMPILED, EAGER
from depth_ros.config import SPECS, Settings
from depth_ros.models import DepthModel
from depth_ros.pipeline import DepthFrame, Frame, Pipeline, Wanted

# As a pipeline says it; the rest of the frame is captured all the same.
_REFUSED = "the network continues without a CUDA graph"


class Answer(NamedTuple):
    """The result of a frame, on the device.

    Attributes:
        depth: of measure().
        payload: of the cloud; its last dimension is the bytes of a point.
        points: int, number of points in it; None: all.
    """

    depth: DepthFrame
    payload: Tensor
    points: Tensor | None = None


def pipeline_of(
    model: DepthModel, device: str, dtype: str, compiled: bool = False, **more: int | str
) -> Pipeline:
    """Return a pipeline of a model, in any precision: random weights need not be safe in it.

    The network is moved to the device.
    """
    chosen = SPECS["compile"].check("true" if compiled else "false")
    settings = Settings(device=device, dtype=dtype).with_values(compile=chosen, **more)
    return Pipeline.of(model, settings)


def notices_of(pipeline: Pipeline) -> list[str]:
    """Return a list that collects a pipeline's notices about its network, now and later."""
    texts: list[str] = []
    pipeline.notices.listen(texts.append)
    return texts


def way_of(pipeline: Pipeline, notices: list[str]) -> str:
    """Return how a pipeline runs its network: the way of Alone to compare it with.

    Args:
        pipeline: after its first frame.
        notices: of the pipeline.
    """
    if pipeline.settings.compile == SPECS["compile"].check("true"):
        return COMPILED
    refused = any(text.startswith(_REFUSED) for text in notices)
    return CAPTURED if pipeline.predictor.graphs is not None and not refused else EAGER


def answer(pipeline: Pipeline, frame: Frame) -> Answer:
    """Start depth and cloud of a frame; the device may still be working."""
    wanted = Wanted(points=True)
    depth = pipeline.measure(pipeline.predict(frame, wanted=wanted), wanted=wanted)
    made = pipeline.cloud(depth)
    on_cpu = made.payload.device.type == "cpu"  # source of the next cloud's memory
    return Answer(depth, made.payload.clone() if on_cpu else made.payload, made.count)
