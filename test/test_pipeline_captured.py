"""The captured pipeline gives the same results as the eager one after every change."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_ros import models
from depth_ros.config import Settings
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Executor, Raw
from depth_ros.pipeline import DepthFrame, Frame, NetworkPredictor, Pipeline, Wanted
from depth_ros.runtimes.capture_check import NotCapturableError
from depth_ros.runtimes.torch_runtime import TorchRuntime
from depth_ros.scale.anchors import Anchors
from test.models.references import image
from test.runtimes.stand_in import Launches, Lenient, StandIn, graphs

pytestmark = pytest.mark.slow

EVERYTHING = Wanted(points=True, colours=True)


def frame(number: int = 0, height: int = 48, width: int = 64, fov_deg: float = 70.0) -> Frame:
    rgb = np.roll(image(height, width), 7 * number, axis=1).copy()
    return Frame(rgb, Camera.from_fov(width, height, fov_deg), 1 + 33_000_000 * number, "optical")


def pair(folder: Path, **values: Any) -> tuple[Pipeline, Pipeline, StandIn]:
    """An eager pipeline, a captured one of the same network, and the device of the latter."""
    model, settings = models.load(str(folder)), Settings().with_values(**values)
    runtime, (both, machine) = TorchRuntime(model.network, "cpu"), graphs()
    eager = Pipeline(NetworkPredictor(model, runtime), settings)
    return eager, Pipeline(NetworkPredictor(model, runtime, graphs=both), settings), machine


def assert_same(captured: Pipeline, eager: Pipeline, found: DepthFrame, known: DepthFrame) -> None:
    torch.testing.assert_close(found.depth_m, known.depth_m, rtol=0, atol=0, equal_nan=True)
    cloud, points = captured.cloud(found), eager.points(known)
    payload = cloud.payload if cloud.count is None else cloud.payload[: int(cloud.count)]
    bits = [each.view(torch.int32) for each in (payload, points)]
    if captured.settings.points_organised:  # NaN has many bit patterns
        bits = [each.view(torch.float32)[..., :3].nan_to_num(-1) for each in bits]
    assert torch.equal(*bits)
    assert torch.equal(captured.points(found), payload)
    colours, expected = captured.colours(found).int(), eager.colours(known).int()
    # Percentiles may round to other values, and single pixels with them to the next colour.
    other = ((colours - expected).abs().amax(-1) > 0).float().mean()
    assert other <= (0.05 if captured.settings.colour_range == "percentiles" else 0)


CHANGES: list[dict[str, Any]] = [
    {},
    {"min_depth_m": 1.0, "max_depth_m": 3.0},
    {"edges_filter": "off"},
    {"edges_filter": "image", "edges_step": 0.1},
    {"edges_filter": "points"},
    {"edges_filter": "fill"},
    {"edges_filter": "fill", "max_depth_m": 2.0, "beyond_range": "max"},
    {"edges_radius_px": 2},
    {"points_organised": True},
    {"points_colour": False, "stride": 2},
    {"beyond_range": "max", "max_depth_m": 2.0},
    {"colour_map": "magma", "colour_near_m": 0.7, "colour_far_m": 5.3},
    {"colour_range": "percentiles"},
    {"scale_steady_s": 0.5},
    {"focal_correction": False},
    {"rotate": 90},
]


@pytest.mark.parametrize(
    ("known", "wanted", "captures"),
    [(None, None, 4), (None, EVERYTHING, 2), (EVERYTHING, EVERYTHING, 1)],
    ids=["later", "with depth", "with the network"],
)
@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_captured_is_eager(
    changes: dict[str, Any],
    known: Wanted | None,
    wanted: Wanted | None,
    captures: int,
    checkpoint: Path,
) -> None:
    eager, captured, machine = pair(checkpoint, **changes)
    for number in range(3):
        shown = frame(number)
        found = captured.measure(captured.predict(shown, None, known), None, wanted)
        assert_same(captured, eager, found, eager(shown))
    assert not captured.notices._waiting
    measured = "scale_steady_s" in changes
    assert machine.log.count("capture") == (max(captures, 2) if measured else captures)


@pytest.mark.parametrize("known", [None, EVERYTHING], ids=["two graphs", "one graph"])
def test_numbers_change_without_a_capture_and_shapes_with_one(
    known: Wanted | None, checkpoint: Path
) -> None:
    eager, captured, machine = pair(checkpoint)

    def ask(**values: Any) -> int:
        settings = captured.settings.with_values(**values)
        now, then = captured.with_settings(settings), eager.with_settings(settings)
        found = now.measure(now.predict(frame(), None, known), None, EVERYTHING)
        assert_same(now, then, found, then(frame()))
        return machine.log.count("capture")

    first = ask()
    numbers = {"min_depth_m": 0.9, "max_depth_m": 4.0, "edges_step": 0.3, "colour_near_m": 0.6}
    assert ask(**numbers, colour_far_m=3.0, focal_correction=False, colour_map="magma") == first
    assert ask(stride=2) == first + 1
    assert ask(points_organised=True) == first + 2
    assert ask() == first + 2


def test_wanted_outputs_are_reused_and_others_are_rendered(checkpoint: Path) -> None:
    _, captured, machine = pair(checkpoint)
    depth = captured.measure(captured.predict(frame()), None, Wanted(points=True))
    replays = machine.log.count("replay")
    cloud = captured.cloud(depth)
    assert machine.log.count("replay") == replays
    captured.colours(depth)
    assert machine.log.count("replay") == replays + 1
    other = captured.with_settings(captured.settings.with_values(points_colour=False)).cloud(depth)
    assert machine.log.count("replay") == replays + 2
    assert (cloud.payload.shape[-1], other.payload.shape[-1]) == (16, 12)


@pytest.mark.parametrize("size", [(48, 64), (60, 64), (64, 48)])
def test_every_size_has_its_graphs_and_cameras_of_one_size_share_them(
    size: tuple[int, int], checkpoint: Path
) -> None:
    eager, captured, machine = pair(checkpoint)
    for fov_deg in (60.0, 90.0, 60.0):
        shown = frame(0, *size, fov_deg=fov_deg)
        found = captured.measure(captured.predict(shown), None, EVERYTHING)
        assert_same(captured, eager, found, eager(shown))
    assert machine.log.count("capture") == 2


def test_estimates_of_earlier_frames_stay_what_they_were(checkpoint: Path) -> None:
    _, captured, _ = pair(checkpoint)
    estimates = [captured.predict(frame(number)) for number in range(3)]
    kept = [each.prediction.values.clone() for each in estimates]
    depths = [captured.measure(each, None, EVERYTHING) for each in estimates]
    for estimate, values in zip(estimates, kept, strict=True):
        assert torch.equal(estimate.prediction.values, values)
    assert len({depth.depth_m.data_ptr() for depth in depths}) == 3


def test_a_cloud_that_needs_missing_confidence_is_refused(checkpoint: Path) -> None:
    _, captured, _ = pair(checkpoint)
    depth = captured(frame())
    with pytest.raises(ModelError, match="gives no confidence"):
        captured.with_settings(captured.settings.with_values(min_confidence=0.5)).cloud(depth)


def test_a_batch_is_one_replay(checkpoint: Path) -> None:
    eager, captured, machine = pair(checkpoint)
    frames = [frame(0), frame(1)]
    found = captured.predict_batch(frames, [None, None])
    for one, known in zip(found, eager.predict_batch(frames, [None, None]), strict=True):
        assert torch.equal(one.prediction.values, known.prediction.values)
    assert machine.log.count("replay") == 1


def test_each_number_of_cameras_has_its_graph(checkpoint: Path) -> None:
    eager, captured, machine = pair(checkpoint)
    captures = []
    for count in (1, 2, 3, 2, 1, 3):
        frames = [frame(number) for number in range(count)]
        found = captured.predict_batch(frames, [None] * count)
        for one, known in zip(found, eager.predict_batch(frames, [None] * count), strict=True):
            assert torch.equal(one.prediction.values, known.prediction.values)
        captures.append(machine.log.count("capture"))
    assert captures == [1, 2, 3, 3, 3, 3]


def test_few_operations_of_a_frame_are_outside_of_its_graphs(
    built: Callable[[str], Path],
) -> None:
    _, captured, machine = pair(built("zoedepth"))
    for number in range(3):
        shown = frame(number)
        with Launches(machine) as launches:
            captured.cloud(captured.measure(captured.predict(shown), None, Wanted(points=True)))
    # The image into one graph and values out of it; values and the image into the other; depth,
    # points and their count out of it.
    assert launches.counts == {"copy_": 3, "clone": 4}
    assert machine.log[-6:] == ["wait", "replay", "record"] * 2


def test_a_whole_frame_is_one_graph(built: Callable[[str], Path]) -> None:
    _, captured, machine = pair(built("zoedepth"))
    wanted = Wanted(points=True)
    for number in range(3):
        shown = frame(number)
        with Launches(machine) as launches:
            estimate = captured.predict(shown, None, wanted)
            captured.cloud(captured.measure(estimate, None, wanted))
    # The image into it; values, depth, points and their count out of it.
    assert launches.counts == {"copy_": 1, "clone": 4}
    assert machine.log.count("capture") == 1
    assert machine.log[-6:] == ["wait", "replay", "record"] * 2  # of two frames


@pytest.mark.parametrize("other", ["settings", "wanted", "values"])
def test_outputs_of_the_networks_graph_are_used_only_if_they_are_the_wanted_ones(
    other: str, checkpoint: Path
) -> None:
    eager, captured, _ = pair(checkpoint)
    estimate, wanted = captured.predict(frame(), None, Wanted(points=True)), EVERYTHING
    known = eager.predict(frame())
    if other == "settings":
        settings = eager.settings.with_values(max_depth_m=2.0, edges_filter="fill")
        eager, captured = eager.with_settings(settings), captured.with_settings(settings)
    if other == "values":
        twice = replace(known.prediction, values=known.prediction.values * 2)
        known, estimate = (replace(each, prediction=twice) for each in (known, estimate))
    if other != "wanted":
        wanted = Wanted(points=True)
    known = replace(known, prediction=copy.deepcopy(known.prediction))
    found = captured.measure(estimate, None, wanted)
    assert_same(captured, eager, found, eager.measure(known))


def test_a_fisheye_image_is_undistorted_in_the_graph_of_its_frame(checkpoint: Path) -> None:
    eager, captured, machine = pair(checkpoint)
    lenses = [Camera(64, 48, f, f, 31.5, 23.5, "equidistant", (0.0,) * 4) for f in (30.0, 40.0)]
    for number in range(4):
        shown = replace(frame(number), camera=lenses[number % 2])
        found = captured.measure(captured.predict(shown, None, EVERYTHING), None, EVERYTHING)
        assert_same(captured, eager, found, eager(shown))
    assert machine.log.count("capture") == 2
    assert machine.log.count("replay") == 4


def test_forks_share_graphs(checkpoint: Path) -> None:
    _, captured, machine = pair(checkpoint)
    captured(frame())
    captured.fork()(frame(1))
    assert machine.log.count("capture") == 1


class Counting:
    """Runs a network, and counts the runs."""

    device = torch.device("cpu")

    def __init__(self, runtime: Executor) -> None:
        self._runtime, self.runs = runtime, 0

    def __call__(self, *inputs: Tensor) -> Raw:
        self.runs += 1
        return self._runtime(*inputs)

    def part(self, name: str) -> Executor:
        raise AssertionError(name)


class Asking(Counting):
    """Runs a network with code that makes the host wait, which no graph can hold."""

    def __call__(self, *inputs: Tensor) -> Raw:
        assert inputs[0].amax().item() < 1000
        return super().__call__(*inputs)


def test_settings_that_change_shapes_leave_a_network_compiled(checkpoint: Path) -> None:
    model, (both, _) = models.load(str(checkpoint)), graphs()
    runtime = TorchRuntime(model.network, "cpu")
    compiled = Counting(runtime)
    predictor = NetworkPredictor(model, runtime, faster=compiled, graphs=both)
    captured, pause = Pipeline(predictor, Settings()), Event()
    wanted = Wanted(points=True)
    for stride in range(1, 12):
        now = captured.with_settings(captured.settings.with_values(stride=stride))
        now.measure(now.predict(frame(), None, wanted), None, wanted)
        while both.frame.pending:
            pause.wait(0.01)
        runs = compiled.runs
        now.predict(frame(1), None, wanted)
        assert compiled.runs == runs + 1


class RefusesItem(Lenient):
    def _check_inputs(self, name: str, *_: Any) -> None:
        if name == "item":
            raise NotCapturableError("item waits")


@pytest.mark.parametrize("rotate", [0, 90])
def test_what_surrounds_a_network_that_cannot_be_captured_is_captured(
    rotate: int, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, captured, machine = pair(checkpoint, rotate=rotate)
    monkeypatch.setattr(machine, "check", lambda: RefusesItem(torch.device("cpu")))
    model, settings = models.load(str(checkpoint)), captured.settings
    asking = Asking(TorchRuntime(model.network, "cpu"))
    asked = Pipeline(NetworkPredictor(model, asking, graphs=captured.predictor.graphs), settings)
    messages = list[str]()
    asked.notices.listen(messages.append)
    for number in range(4):
        shown, runs, replays = frame(number), asking.runs, machine.log.count("replay")
        found = asked.measure(asked.predict(shown, None, EVERYTHING), None, EVERYTHING)
        assert_same(asked, eager, found, eager(shown))
    assert messages == ["the network continues without a CUDA graph: item waits"]
    assert asking.runs == runs + 1
    assert machine.log[-9:] == ["wait", "replay", "record"] * 3  # around the network, and outputs
    assert machine.log.count("replay") == replays + 3


def test_what_surrounds_a_network_runs_without_graphs_if_need_be(checkpoint: Path) -> None:
    eager, captured, machine = pair(checkpoint)
    machine.error = RuntimeError("operation not permitted when stream is capturing")
    messages = list[str]()
    captured.notices.listen(messages.append)
    for number in range(3):
        shown = frame(number)
        found = captured.measure(captured.predict(shown, None, EVERYTHING), None, EVERYTHING)
        assert_same(captured, eager, found, eager(shown))
    assert [text.split(" continues")[0] for text in messages] == ["the network", "the rendering"]
    assert "replay" not in machine.log


def test_a_field_of_scales_is_the_same_captured_or_not(checkpoint: Path) -> None:
    eager, captured, _ = pair(checkpoint, scale_mode="anchors")
    shown = frame()
    values = eager.predict(shown).prediction.values[0].numpy()
    v, u = np.divmod(np.random.default_rng(1).choice(values.size, 300, replace=False), 64)
    anchors = Anchors(np.column_stack([u, v]).astype(float), values[v, u] * (1.0 + u / 64))
    known, found = (each(shown, anchors) for each in (eager, captured))
    assert known.scale is not None
    assert known.scale.field is not None
    assert_same(captured, eager, found, known)
