"""A whole recording's prediction, returned frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from depth_ros.arrays import DepthArray
from depth_ros.config import Settings
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models import ModelEntry, Output, Prediction
from depth_ros.models.base import ModelFacts
from depth_ros.pipeline.camera_state import CameraState, CameraStates
from depth_ros.pipeline.estimate import Estimate
from depth_ros.pipeline.finish import Finisher
from depth_ros.pipeline.frame import Frame
from depth_ros.pipeline.pipeline import Pipeline
from depth_ros.profile import Profile
from depth_ros.runtimes.capture import Graphs
from depth_ros.runtimes.graph import Graph
from depth_ros.runtimes.notices import Notices
from depth_ros.scale.scaler import FixedScale, Reference, Scale


@dataclass
class _Facts:
    """ModelFacts of a network that has already run."""

    entry: ModelEntry
    max_depth_m: float = 0.0
    training_f_px: float | None = None
    prompt_size: tuple[int, int] | None = None
    batches: bool = True
    denoises: bool = False
    graphs: Mapping[str, Graph] = field(default_factory=dict)

    def has_confidence(self, samples: int) -> bool:
        """Whether it outputs confidence."""
        return False

    def network_f_px(self, camera: Camera) -> float:
        """Return a camera's focal length: images keep their size."""
        return camera.f_px


class ClipPredictor:
    """Returns a ClipModel's prediction of a whole recording frame by frame; see Predictor.

    Args:
        entry: of the model.
        values: (T, H, W) inverse depth up to one scale and shift.
        stamps_ns: the frames' stamps, in the same order.
    """

    graphs: Graphs | None = None
    device = torch.device("cpu")

    def __init__(self, entry: ModelEntry, values: DepthArray, stamps_ns: Sequence[int]) -> None:
        self.model: ModelFacts = _Facts(entry)
        self.profile, self.notices = Profile(), Notices()
        self._values = values
        self._index = {stamp_ns: index for index, stamp_ns in enumerate(stamps_ns)}

    def fork(self) -> ClipPredictor:
        """Return itself: it has one camera."""
        return self

    def warm_up(self, settings: Settings, height: int, width: int) -> None:
        """Do nothing: the network has run already."""

    def predict(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        settings: Settings,
        points_only: bool = False,
        finisher: Finisher | None = None,
    ) -> list[Estimate]:
        """Look up the predictions of frames by stamp.

        Raises:
            ModelError: a frame is not in the recording.
        """
        return [self._look_up(frame) for frame in frames]

    def _look_up(self, frame: Frame) -> Estimate:
        if frame.stamp_ns not in self._index:
            raise ModelError(f"the first pass had no frame of stamp {frame.stamp_ns}")
        values = torch.from_numpy(self._values[self._index[frame.stamp_ns]].copy())
        height, width = values.shape
        prediction = Prediction(values[None], Output.AFFINE_INVERSE_DEPTH)
        return Estimate(prediction, torch.from_numpy(frame.rgb.copy()), frame, (height, width))


def pipeline(predictor: ClipPredictor, settings: Settings, scale: Scale | None) -> Pipeline:
    """Return a pipeline with one scale for all frames; None: without a scale."""
    fixed = CameraStates(lambda: CameraState(FixedScale(scale)))
    return Pipeline(predictor, settings, fixed)
