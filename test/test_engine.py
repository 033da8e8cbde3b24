"""Frames that are available together: shared runs of the network, and the effect of an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from depth_ros import engine
from depth_ros.config import Settings, Value
from depth_ros.engine import Answer, FrameJob
from depth_ros.errors import ModelError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.models import Output, Prediction
from depth_ros.pipeline import Estimate, Frame, Pipeline, Wanted
from depth_ros.pipeline.finish import Finisher
from depth_ros.scale.anchors import Anchors
from depth_ros.scale.scaler import Reference
from test.evaluation.fakes import Facts, FakePredictor

WIDE, SMALL = Camera.from_fov(40, 30, 60.0), Camera.from_fov(20, 16, 60.0)


@dataclass(frozen=True, eq=False)
class Numbered(FrameJob):
    """A job that its sink tells by a number."""

    number: int


class Recorder(FakePredictor):
    """A network that predicts a slanted wall, 1 to 3 m, and records its inputs."""

    def __init__(self, output: Output = Output.METRIC_DEPTH) -> None:
        super().__init__(lambda index: np.empty(0, np.float32), output, None, "recorder")
        self.runs: list[list[int]] = []
        self.sparse: list[bool] = []
        self.prompts: list[Sequence[Reference | None]] = []

    def predict(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        settings: Settings,
        points_only: bool = False,
        finisher: Finisher | None = None,
    ) -> list[Estimate]:
        self.runs.append([frame.stamp_ns for frame in frames])
        self.sparse.append(points_only)
        self.prompts.append(references)
        if any(frame.frame_id == "broken" for frame in frames):
            raise RuntimeError("the network fell over")
        return [self._wall(frame) for frame in frames]

    def _wall(self, frame: Frame) -> Estimate:
        height, width = frame.rgb.shape[:2]
        values = torch.linspace(1, 3, width).expand(1, height, width).contiguous()
        output = self.model.entry.output
        rgb = torch.from_numpy(frame.rgb)
        return Estimate(Prediction(values, output), rgb, frame, (height, width))


def pipeline(network: Recorder, **settings: Value) -> Pipeline:
    return Pipeline(network, Settings().with_values(edges_filter="off", **settings))


def nothing_known() -> None:
    return None


def job(
    number: int,
    of: Pipeline,
    camera: Camera = WIDE,
    wanted: Wanted | None = None,
    find: engine.FindReference = nothing_known,
    frame_id: str = "",
) -> Numbered:
    rgb = np.zeros((camera.height, camera.width, 3), np.uint8)
    frame = Frame(rgb, camera, number, frame_id)
    return Numbered(frame, of, wanted or Wanted(), find, number)


def answers(jobs: Sequence[Numbered]) -> list[Answer[Numbered]]:
    return list(engine.run(jobs))


def anchors() -> Anchors:
    pixels = np.array([[x, y] for x in range(2, 38, 4) for y in range(2, 28, 4)], np.float64)
    return Anchors(pixels, 2 * (1 + 2 * pixels[:, 0] / (WIDE.width - 1)))


def test_frames_of_one_size_share_a_run_and_other_sizes_have_their_own() -> None:
    network = Recorder()
    cameras = [pipeline(network), pipeline(network), pipeline(network)]
    jobs = [job(1, cameras[0]), job(2, cameras[1], SMALL), job(3, cameras[2])]
    assert [each.job.number for each in answers(jobs)] == [1, 3, 2]
    assert network.runs == [[1, 3], [2]]


def test_a_model_that_takes_one_image_at_a_time_has_a_run_for_each() -> None:
    network = Recorder()
    assert isinstance(network.model, Facts)
    network.model.batches = False
    answers([job(number, pipeline(network)) for number in (1, 2)])
    assert network.runs == [[1], [2]]


def test_an_error_affects_its_own_run_only() -> None:
    network = Recorder()
    one = pipeline(network)
    good, bad = answers([job(1, one), job(2, one, SMALL, frame_id="broken")])
    assert good.depth is not None
    assert good.error is None
    assert isinstance(bad.error, RuntimeError)
    assert bad.depth is None


def test_a_frame_without_a_scale_keeps_its_estimate() -> None:
    network = Recorder(Output.AFFINE_DEPTH)
    scaled = pipeline(network, scale_mode="anchors")
    known, unknown = answers([job(1, scaled, find=anchors), job(2, pipeline(network))])
    assert known.depth is not None
    assert float(known.depth.depth_m.mean()) == pytest.approx(4.0, rel=1e-3)
    assert isinstance(unknown.error, ModelError)
    assert unknown.estimate is not None


def test_nothing_runs_where_nothing_is_wanted_and_nothing_is_measured_for_relative_values() -> None:
    network = Recorder(Output.AFFINE_DEPTH)
    one = pipeline(network)
    idle = job(1, one, wanted=Wanted(image=False))
    raw = job(2, one, wanted=Wanted(image=False, relative=True))
    first, second = answers([idle, raw])
    assert first.estimate is None
    assert second.estimate is not None
    assert second.depth is None
    assert second.error is None
    assert network.runs == [[2]]


@pytest.mark.parametrize(("others", "sparse"), [((), True), ((Wanted(),), False)])
def test_only_points_are_estimated_if_nothing_else_is_wanted(
    others: tuple[Wanted, ...], sparse: bool
) -> None:
    network = Recorder()
    one = pipeline(network)
    wanted = (Wanted(image=False, points=True), *others)
    answers([job(number, one, wanted=each) for number, each in enumerate(wanted)])
    assert network.sparse == [sparse]


def test_the_reference_is_looked_for_once_and_after_the_network() -> None:
    network = Recorder(Output.AFFINE_DEPTH)
    seen: list[int] = []

    def find() -> Anchors:
        seen.append(len(network.runs))
        return anchors()

    answers([job(1, pipeline(network, scale_mode="anchors"), find=find)])
    assert seen == [1]


def test_a_prompted_network_has_its_reference_before_and_a_missing_one_affects_no_other_frame() -> (
    None
):
    network = Recorder()
    assert isinstance(network.model, Facts)
    network.model.prompt_size = (6, 8)
    prompted = pipeline(network, scale_mode="anchors")
    seen: list[int] = []

    def find() -> Anchors:
        seen.append(len(network.runs))
        return anchors()

    first, second = answers([job(1, prompted), job(2, prompted, find=find)])
    assert seen == [0]
    assert network.runs == [[1], [2]]
    assert network.prompts[1] != [None]
    assert isinstance(first.error, ScaleError)
    assert second.depth is not None
