"""Everything on a GPU: captured, compiled and eager say the same, and no frame waits for it.

Needs no ROS. Without CUDA, what does not depend on it runs on the CPU, with a stand-in for graphs
and few families: so that these tests themselves are right when a GPU is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
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
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import DepthFrame, Frame, NetworkPredictor, Pipeline, Wanted, loading
from depth_ros.runtimes.capture import Graphs
from depth_ros.runtimes.torch_runtime import TorchRuntime
from depth_ros.runtimes.upload import Upload
from depth_ros.scale.anchors import Anchors
from depth_ros.scale.ground import Mount
from test.models.checkpoints import FAMILIES
from test.models.references import image
from test.runtimes.stand_in import graphs

pytestmark = [pytest.mark.cuda, pytest.mark.slow]

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
NEEDS_CUDA = pytest.mark.skipif(not CUDA, reason="this machine has no CUDA")
TESTED = FAMILIES if CUDA else ("zoedepth-nk", "dpt-beit")

EVERYTHING = Wanted(points=True, colours=True)
SIZES = [(48, 64), (61, 91), (91, 61)]
METRIC = "depth-anything-metric"


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CUDA, let the CPU capture graphs, and compile by doing nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if not CUDA:
        monkeypatch.setattr(Graphs, "on", lambda device: graphs()[0])
        monkeypatch.setattr(loading, "choose_device", lambda name: torch.device("cuda"))
        monkeypatch.setattr(torch, "compile", lambda network, **_: network)


def pipeline(folder: Path, **values: Any) -> Pipeline:
    """A pipeline that captures, with anchors where its network gives no metres."""
    model = models.load(str(folder))
    needs = model.prompt_size is not None or model.entry.output != "metric_depth"
    chosen = {"scale_mode": "anchors" if needs else "model", "compile": "false", **values}
    return Pipeline.from_settings(Settings(model=str(folder), device=DEVICE).with_values(**chosen))


def eager(folder: Path, **values: Any) -> Pipeline:
    """The same, of which nothing is captured."""
    made = pipeline(folder, **values)
    assert made.predictor.graphs is not None
    made.predictor.graphs.disable("requested")
    return made


def frame(number: int = 0, height: int = 48, width: int = 64, fov_deg: float = 70.0) -> Frame:
    rgb = np.roll(image(height, width), 5 * number, axis=1).copy()
    return Frame(rgb, Camera.from_fov(width, height, fov_deg), 1 + 33_000_000 * number, "optical")


def anchors(tested: Pipeline, shown: Frame) -> Anchors | None:
    """Some pixels' depth, where it is needed; of a relative network, that of its values.

    The scale is the same for all images: otherwise a filter decides whether it believes another
    one, and different rounding may decide otherwise.
    """
    if tested.settings.scale_mode != "anchors":
        return None
    height, width = shown.rgb.shape[:2]
    v, u = np.mgrid[3:height:8, 3:width:8].reshape(2, -1)
    depth_m = 1.0 + 3.0 * v / height
    if tested.model.prompt_size is None and tested.model.entry.output != "metric_depth":
        first, values = (
            tested.predict(each).prediction.values[0].cpu().numpy().astype(float)
            for each in (frame(0, height, width), shown)
        )
        depth_m = 1 / (0.1 + np.maximum(values - first.min(), 0) / np.ptp(first))[v, u]
    return Anchors(np.stack([u, v], axis=-1).astype(float), depth_m)


def answer(
    tested: Pipeline,
    shown: Frame,
    wanted: Wanted | None = EVERYTHING,
    known: Anchors | None = None,
) -> DepthFrame:
    return tested.measure(tested.predict(shown, known, wanted), known, wanted)


def assert_close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    """Nearly all values are the same: those at an end of range may fall to either side of it."""
    assert found.shape == expected.shape
    same = torch.isclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
    share, equal = float(same.float().mean()), float((found == expected).float().mean())
    apart = ((found - expected) / expected).abs().nan_to_num(0, 0)
    assert share > 0.98, f"{share:.1%} close, {equal:.1%} equal, at most {apart.max():.1e} apart"


def assert_same(
    tested: Pipeline,
    found: DepthFrame,
    other: Pipeline,
    known: DepthFrame,
    tolerance: float = 1e-3,
) -> None:
    assert_close(found.depth_m, known.depth_m, tolerance)
    made, expected = tested.cloud(found), other.cloud(known)
    assert made.payload.shape == expected.payload.shape
    if made.count is not None and expected.count is not None:
        count = int(made.count)
        assert abs(count - int(expected.count)) <= 0.02 * len(made.payload)
        z = made.payload[:count].view(torch.float32)[:, 2]
        assert torch.equal(z, _points_z(tested, found))
    colours = (tested.colours(found).int() - other.colours(known).int()).abs().amax(-1)
    assert (colours > 12).float().mean() < 0.02


def _points_z(tested: Pipeline, found: DepthFrame) -> Tensor:
    """Depth of what the settings make points, in their order: edges left out."""
    organised = tested.with_settings(tested.settings.with_values(points_organised=True)).cloud(
        found
    )
    z = organised.payload.view(torch.float32)[..., 2].flatten()
    return z[z.isfinite()]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("family", TESTED)
def test_captured_says_what_eager_says(
    family: str, dtype: str, built: Callable[[str], Path]
) -> None:
    folder, messages = built(family), list[str]()
    captured, plain = (make(folder, dtype=dtype, grin_samples=2) for make in (pipeline, eager))
    captured.notices.listen(messages.append)
    for size in SIZES if dtype == "float32" else SIZES[:1]:
        for number in range(2):
            shown = frame(number, *size)
            known = anchors(plain, shown)
            found, expected = (answer(each, shown, known=known) for each in (captured, plain))
            # One unit in float16's last place is 1e-3, and networks multiply it.
            assert_same(captured, found, plain, expected, 1e-3 if dtype == "float32" else 1e-2)
    assert not messages


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("family", TESTED)
def test_both_layouts_say_the_same(
    family: str, layout: torch.memory_format, built: Callable[[str], Path]
) -> None:
    model = models.load(str(built(family)))
    network: Any = model.capturable_network()
    runtime = TorchRuntime(network.to(memory_format=layout), DEVICE, "float16")
    plain = eager(built(family), dtype="float32")
    settings = plain.settings.with_values(dtype="float16")
    laid = Pipeline(NetworkPredictor(model, runtime), settings)
    shown = frame()
    known = anchors(plain, shown)
    expected = answer(plain, shown, known=known).depth_m
    assert_close(answer(laid, shown, known=known).depth_m, expected, 0.05)


def test_half_precision_is_measured_once_before_the_first_graph(
    built: Callable[[str], Path],
) -> None:
    for dtype, count in (("float32", 0), ("float16", 1)):
        tuned, warnings, told = pipeline(built(METRIC), dtype=dtype), list[str](), list[str]()
        tuned.notices.listen(warnings.append, told.append)
        tuned.warm_up(48, 64)
        for size in SIZES:
            answer(tuned.fork(), frame(0, *size))
        assert len(told) == count
        assert all(f"in {dtype} on" in text and " ms, " in text for text in told)
        assert not warnings


def test_float32_follows_torchs_rules_for_tf32(built: Callable[[str], Path]) -> None:
    def rules() -> tuple[str, bool]:
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32

    before = rules()
    answer(pipeline(built(METRIC), dtype="float32"), frame())
    assert rules() == before


CHANGES: list[dict[str, Any]] = [
    {"min_depth_m": 1.0, "max_depth_m": 3.0},
    {"edges_filter": "image", "edges_step": 0.1},
    {"edges_filter": "fill"},
    {"points_organised": True},
    {"points_colour": False, "stride": 2},
    {"beyond_range": "max", "max_depth_m": 2.0},
    {"colour_range": "percentiles", "colour_map": "magma"},
    {"scale_steady_s": 0.5},
    {"focal_correction": False, "edges_filter": "off"},
]


@pytest.mark.parametrize("wanted", [None, EVERYTHING], ids=["later", "at once"])
def test_settings_may_change_between_frames(
    wanted: Wanted | None, built: Callable[[str], Path]
) -> None:
    captured, plain = pipeline(built(METRIC)), eager(built(METRIC))
    for number, changes in enumerate([{}, *CHANGES, {}]):
        settings = captured.settings.with_values(**changes)
        now, then = captured.with_settings(settings), plain.with_settings(settings)
        for shown in (frame(2 * number), frame(2 * number + 1)):
            assert_same(now, answer(now, shown, wanted), then, answer(then, shown, wanted))


def test_points_on_the_host_are_those_of_the_cpu(built: Callable[[str], Path]) -> None:
    captured = pipeline(built(METRIC))
    on_cpu = Pipeline.from_settings(captured.settings.with_values(device="cpu"))
    found, known = answer(captured, frame()), answer(on_cpu, frame())
    assert_close(found.depth_m.cpu(), known.depth_m, 1e-2)
    payload = captured.points(found, lambda count: torch.empty(count))
    assert payload.device.type == "cpu"
    assert abs(len(payload) - len(on_cpu.points(known))) < 0.05 * known.depth_m.numel()


@pytest.mark.parametrize("mode", ["ground", "anchors"])
def test_a_scale_that_is_measured_on_a_gpu(mode: str, built: Callable[[str], Path]) -> None:
    captured, plain = (make(built(METRIC), scale_mode=mode) for make in (pipeline, eager))
    shown = frame()
    known = anchors(plain, shown) if mode == "anchors" else Mount.from_angles(0.5, 20.0, 0.0)
    try:
        expected = plain(shown, known)
    except Exception as error:  # a random network's floor may be none
        with pytest.raises(type(error)):
            captured(shown, known)
        return
    assert_close(captured(shown, known).depth_m, expected.depth_m, 1e-2)


def test_a_batch_says_what_its_images_say(built: Callable[[str], Path]) -> None:
    captured = pipeline(built(METRIC))
    frames = [frame(number) for number in range(3)]
    for one, shown in zip(captured.predict_batch(frames, [None] * 3), frames, strict=True):
        assert_close(one.prediction.values, captured.predict(shown).prediction.values, 1e-3)


def test_results_in_flight_are_not_written_by_later_frames(built: Callable[[str], Path]) -> None:
    captured = pipeline(built(METRIC))
    depths = [answer(captured, frame(number)) for number in range(6)]
    again = [answer(captured, frame(number)) for number in range(6)]
    for one, other in zip(depths, again, strict=True):
        assert torch.equal(one.depth_m.nan_to_num(), other.depth_m.nan_to_num())
        assert torch.equal(captured.colours(one), captured.colours(other))


@contextmanager
def no_waiting() -> Iterator[None]:
    if not CUDA:
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("family", [f for f in TESTED if not f.startswith(("dpt", "prompt"))])
def test_no_frame_waits_for_the_device(family: str, built: Callable[[str], Path]) -> None:
    tested = pipeline(built(family))
    if tested.settings.scale_mode != "model":
        pytest.skip("its scale is measured on the host")
    for changes in ({}, {"scale_steady_s": 0.5}, {"colour_range": "percentiles"}):
        now = tested.with_settings(tested.settings.with_values(**changes))
        for number in range(4):
            shown = frame(number)
            with no_waiting() if number > 1 else nullcontext():
                depth = answer(now, shown)
                now.cloud(depth)
                now.colours(depth)


def test_a_fisheye_is_undistorted_without_waiting(built: Callable[[str], Path]) -> None:
    folder = built("zoedepth-lite")
    lens = Camera(64, 48, 30.0, 30.0, 31.5, 23.5, "equidistant", (0.0,) * 4)
    captured, on_cpu = (
        pipeline(folder),
        Pipeline.from_settings(
            Settings(model=str(folder), device="cpu", dtype=pipeline(folder).settings.dtype)
        ),
    )
    for number in range(4):
        shown = replace(frame(number), camera=lens)
        with no_waiting() if number > 1 else nullcontext():
            depth = answer(captured, shown)
            captured.cloud(depth)
        expected = on_cpu(shown).depth_m
        assert torch.equal(depth.depth_m.isnan().cpu(), expected.isnan())
        assert_close(depth.depth_m, expected, 2e-2)


@NEEDS_CUDA
def test_memory_is_flat_after_the_first_frames(built: Callable[[str], Path]) -> None:
    tested, seen, allocations = pipeline(built(METRIC)), [], []
    for number in range(60):
        depth = answer(tested, frame(number % 5))
        tested.points(depth, lambda count: torch.empty(count))
        del depth
        torch.cuda.synchronize()
        seen.append(torch.cuda.memory_allocated())
        allocations.append(torch.cuda.memory_stats()["num_device_alloc"])
    assert max(seen[10:]) <= min(seen[10:]) + (1 << 16)
    assert allocations[-1] == allocations[10]


@NEEDS_CUDA
def test_memory_is_flat_over_changes_of_size(built: Callable[[str], Path]) -> None:
    tested, held = pipeline(built("zoedepth-lite")), []
    for number in range(72):
        answer(tested, frame(number, 48 + 2 * (number % 12), 64))
        if number % 12 == 11:  # the same sizes are kept each time
            torch.cuda.synchronize()
            held.append((torch.cuda.memory_allocated(), torch.cuda.memory_reserved()))
    allocated, reserved = zip(*held, strict=True)
    assert max(allocated[2:]) <= 1.02 * allocated[1]
    assert max(reserved[3:]) <= 1.2 * reserved[2]


@pytest.mark.parametrize("family", [METRIC, "zoedepth"])
@pytest.mark.parametrize("mode", ["true", "auto"])
def test_compiled_says_what_eager_says(
    family: str, mode: str, built: Callable[[str], Path]
) -> None:
    messages = list[str]()
    compiled, plain = pipeline(built(family), compile=mode), eager(built(family))
    compiled.notices.listen(messages.append)
    for size in SIZES[:1] if mode == "auto" else SIZES[:2]:
        shown = frame(1, *size)
        assert_close(answer(compiled, shown).depth_m, answer(plain, shown).depth_m, 0.02)
    if mode == "auto":
        graphs = compiled.predictor.graphs
        assert graphs is not None
        pause = Event()
        while graphs.frame.pending:
            pause.wait(0.1)
        for number in range(3):
            shown = frame(number)
            assert_close(answer(compiled, shown).depth_m, answer(plain, shown).depth_m, 0.02)
    assert not messages


@NEEDS_CUDA
def test_a_network_that_asks_the_host_runs_and_the_rest_is_captured(
    built: Callable[[str], Path],
) -> None:
    model = models.load(str(built("zoedepth-nk")))
    asking = Pipeline(NetworkPredictor(model, TorchRuntime(model.network, "cuda")), Settings())
    plain, messages = eager(built("zoedepth-nk")), list[str]()
    asking.notices.listen(messages.append)
    for number in range(3):
        shown = frame(number)
        assert_close(answer(asking, shown).depth_m, answer(plain, shown).depth_m, 1e-3)
    assert len(messages) == 1
    assert asking.predictor.graphs is not None
    assert asking.predictor.graphs.predict.disabled_reason
    assert not asking.predictor.graphs.around.disabled_reason
    assert not asking.predictor.graphs.render.disabled_reason


@NEEDS_CUDA
def test_an_exported_network_says_what_torch_says_and_frames_follow_each_other(
    exported: Callable[[str, str], Path], built: Callable[[str], Path]
) -> None:
    pytest.importorskip("onnxscript")  # exports it
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime has no CUDA here")
    tested, plain = pipeline(exported(METRIC, "float32")), eager(built(METRIC))
    for number in range(6):
        shown = frame(number)
        with no_waiting() if number > 1 else nullcontext():
            depth = answer(tested, shown)
            later = answer(tested, frame(number + 1))
        assert_close(depth.depth_m, answer(plain, shown).depth_m, 1e-2)
        assert_close(later.depth_m, answer(plain, frame(number + 1)).depth_m, 1e-2)


@NEEDS_CUDA
def test_a_capture_that_fails_leaves_the_device_usable() -> None:
    graphs, messages = Graphs.on(torch.device("cuda")), list[str]()
    assert graphs is not None
    graphs.notices.listen(messages.append)

    def asks(values: Tensor) -> Any:
        if torch.cuda.is_current_stream_capturing():
            torch.cuda.synchronize()
        return (values * 2,), None

    def doubled(values: Tensor) -> Any:
        return (values * 2,), None

    values = torch.ones(8, device="cuda")
    for _ in range(2):
        (twice,), _ = graphs.predict("key", asks, values)
        assert twice is not None
        assert twice.tolist() == [2.0] * 8
    assert len(messages) == 1
    (twice,), _ = graphs.render("key", doubled, values)
    assert twice is not None
    assert twice.tolist() == [2.0] * 8
    assert not graphs.render.disabled_reason


def test_images_in_flight_do_not_overwrite_each_other() -> None:
    upload, rng = Upload(torch.device(DEVICE)), np.random.default_rng(0)
    shown = [rng.integers(0, 256, (48 + n % 3, 64, 3)).astype(np.uint8) for n in range(30)]
    sent = [upload(each) for each in shown]
    for one, other in zip(sent, shown, strict=True):
        assert np.array_equal(one.cpu().numpy(), other)
