"""The captured pipeline gives the same results as the eager one after every change."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from depth_ros import models
from depth_ros.config import Settings
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import DepthFrame, Frame, NetworkPredictor, Pipeline, Wanted
from depth_ros.runtimes.torch_runtime import TorchRuntime
from depth_ros.scale.anchors import Anchors
from test.models.references import image
from test.runtimes.stand_in import Launches, StandIn, graphs

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


@pytest.mark.parametrize("wanted", [None, EVERYTHING], ids=["later", "at once"])
@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_captured_is_eager(
    changes: dict[str, Any], wanted: Wanted | None, checkpoint: Path
) -> None:
    eager, captured, machine = pair(checkpoint, **changes)
    for number in range(3):
        shown = frame(number)
        found = captured.measure(captured.predict(shown), None, wanted)
        assert_same(captured, eager, found, eager(shown))
    assert not captured.notices._waiting
    assert machine.log.count("capture") == (2 if wanted else 4)


def test_numbers_change_without_a_capture_and_shapes_with_one(checkpoint: Path) -> None:
    eager, captured, machine = pair(checkpoint)

    def ask(**values: Any) -> int:
        settings = captured.settings.with_values(**values)
        now, then = captured.with_settings(settings), eager.with_settings(settings)
        found = now.measure(now.predict(frame()), None, EVERYTHING)
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


def test_forks_share_graphs(checkpoint: Path) -> None:
    _, captured, machine = pair(checkpoint)
    captured(frame())
    captured.fork()(frame(1))
    assert machine.log.count("capture") == 2


def test_a_network_that_cannot_be_captured_leaves_the_rest_captured(checkpoint: Path) -> None:
    eager, captured, machine = pair(checkpoint)
    machine.error = RuntimeError("operation not permitted when stream is capturing")
    estimate = captured.predict(frame())
    machine.error = None
    found, messages = captured.measure(estimate, None, EVERYTHING), list[str]()
    assert_same(captured, eager, found, eager(frame()))
    captured.notices.listen(messages.append)
    assert len(messages) == 1
    assert machine.log.count("replay") == 1


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
