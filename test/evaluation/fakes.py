"""Pipelines that say what a test wants, and samples to say it of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from depth_ros.config import Settings, Value
from depth_ros.evaluation.datasets.sample import Sample, Samples
from depth_ros.geometry.camera import Camera
from depth_ros.models import ModelEntry, Output, Prediction
from depth_ros.models.base import ModelFacts
from depth_ros.pipeline import Estimate, Frame, Pipeline
from depth_ros.pipeline.finish import Finisher
from depth_ros.profile import Profile
from depth_ros.runtimes.graph import Graph
from depth_ros.runtimes.notices import Notices
from depth_ros.scale.scaler import Reference

Metres = npt.NDArray[np.float32]
CAMERA = Camera(40, 30, 30.0, 31.0, 19.5, 14.5)


@dataclass
class Facts:
    """What a pipeline needs to know of a network that there is none of."""

    entry: ModelEntry
    max_depth_m: float = 0.0
    training_f_px: float | None = None
    prompt_size: tuple[int, int] | None = None
    batches: bool = True
    denoises: bool = False
    graphs: Mapping[str, Graph] = field(default_factory=dict)

    def has_confidence(self, samples: int) -> bool:
        return True

    def network_f_px(self, camera: Camera) -> float:
        return camera.f_px


class FakePredictor:
    """Answers every frame by a function of the frame's number, which is its stamp."""

    device = torch.device("cpu")
    graphs = None

    def __init__(
        self, say: Callable[[int], Metres], output: Output, confidence: Metres | None, name: str
    ) -> None:
        self.model: ModelFacts = Facts(ModelEntry(name, "fake", "", output, "MIT", True))
        self.profile, self.notices = Profile(), Notices()
        self.warmed: list[tuple[int, int]] = []
        self._say, self._output, self._confidence = say, output, confidence

    def warm_up(self, settings: Settings, height: int, width: int) -> None:
        self.warmed.append((height, width))

    def fork(self) -> FakePredictor:
        return self

    def predict(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        settings: Settings,
        points_only: bool = False,
        finisher: Finisher | None = None,
    ) -> list[Estimate]:
        return [self._predict(frame) for frame in frames]

    def _predict(self, frame: Frame) -> Estimate:
        values = torch.from_numpy(self._say(frame.stamp_ns))[None]
        sure = None if self._confidence is None else torch.from_numpy(self._confidence)[None]
        prediction = Prediction(values, self._output, confidence=sure)
        height, width = frame.rgb.shape[:2]
        return Estimate(prediction, torch.from_numpy(frame.rgb), frame, (height, width))


def fake_pipeline(
    say: Callable[[int], Metres],
    output: Output = Output.METRIC_DEPTH,
    confidence: Metres | None = None,
    name: str = "fake",
    **settings: Value,
) -> Pipeline:
    """A pipeline whose network says what a test wants."""
    chosen = Settings().with_values(edges_filter="off", min_depth_m=0.0, **settings)
    return Pipeline(FakePredictor(say, output, confidence, name), chosen)


def truth(index: int) -> Metres:
    """A wall with a box before it, at a distance of its own for each frame."""
    depth_m = np.full((30, 40), 4.0 + index, np.float32)
    depth_m[10:20, 10 + index : 25 + index] = 1.5
    return depth_m


def clip(frames: int = 4, name: str | None = "clip", pose: bool = True) -> Samples:
    """Frames of one clip, or images alone."""
    rgb = np.zeros((30, 40, 3), np.uint8)

    def sample(index: int) -> Sample:
        at = np.eye(4) if pose else None
        return Sample(Frame(rgb, CAMERA, index), truth(index), f"frame {index}", name, at)

    return Samples(lambda: map(sample, range(frames)), frames)
