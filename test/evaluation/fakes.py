"""Pipelines that say what a test wants, and samples to say it of."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from depth_ros.errors import ModelError
from depth_ros.evaluation.datasets.sample import Sample, Samples
from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Output
from depth_ros.pipeline import Frame

Metres = npt.NDArray[np.float32]
CAMERA = Camera(40, 30, 30.0, 31.0, 19.5, 14.5)


class FakePipeline:
    """Answers every frame by a function of the frame's number, which is its stamp."""

    def __init__(
        self,
        say: Callable[[int], Metres],
        output: Output = Output.METRIC_DEPTH,
        confidence: Metres | None = None,
        name: str = "fake",
    ) -> None:
        self.model = SimpleNamespace(entry=SimpleNamespace(name=name, output=output))
        self.runtime = SimpleNamespace(device="cpu")
        self.metric = output is Output.METRIC_DEPTH
        self.warmed: list[tuple[int, int]] = []
        self._say, self._output, self._confidence = say, output, confidence

    def warm_up(self, height: int, width: int) -> None:
        self.warmed.append((height, width))

    def __call__(self, frame: Frame) -> Any:
        if not self.metric:
            raise ModelError("relative")
        depth = SimpleNamespace(depth_m=torch.from_numpy(self._say(frame.stamp_ns)))
        if self._confidence is not None:
            depth.confidence = torch.from_numpy(self._confidence)
        return depth

    def predict(self, frame: Frame) -> Any:
        values = torch.from_numpy(self._say(frame.stamp_ns))[None]
        return SimpleNamespace(prediction=SimpleNamespace(values=values, output=self._output))


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
