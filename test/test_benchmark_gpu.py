"""The GPU's measurements, on the CPU with tiny networks: that they run, check, judge and go on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from torch import Tensor

from benchmarks.gpu import __main__ as main
from benchmarks.gpu import (
    adapter,
    bars,
    cases,
    checks,
    device,
    layout,
    live,
    moge,
    networks,
    timing,
)
from benchmarks.gpu.alone import CAPTURED, COMPILED, EAGER, Alone
from benchmarks.gpu.bars import Bar
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.device import Host
from benchmarks.gpu.frames import Frames, picture
from benchmarks.gpu.results import FRAME, LAYOUT, NETWORK, Key, Results
from benchmarks.gpu.timing import Times
from benchmarks.mismatch import MismatchError
from benchmarks.network import millions
from benchmarks.predictor import predictor_of
from benchmarks.timing import Spread
from depth_ros.models.base import Request
from depth_ros.models.dinov2 import Size
from depth_ros.runtimes import download
from test.models.grin import small
from test.runtimes.stand_in_bus import StandInBus

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
SIZE = (96, 64)


def moge_small() -> Any:
    model: Any = moge.build(Size(64, 2), (32, 16, 8, 8, 8), (0, 1))
    return model.at_size(112, 168)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run of all sections but the running node says, compiled by doing nothing."""
    folder = tmp_path_factory.mktemp("gpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "compile", lambda network, **_: network)
        patch.setattr(layout, "NETWORKS", ("zoedepth-tiny",))
        patch.setattr(cases, "STEPS", (1, 2))
        patch.setitem(networks._BUILDERS, "grin-small", small.model)
        patch.setitem(networks._BUILDERS, "moge-small", moge_small)
        arguments = ["--device", "cpu", "--networks", "zoedepth-tiny", "grin-small", "moge-small"]
        arguments += ["--image", "96x64", "--dtypes", "float32", "--compile", "zoedepth-tiny"]
        arguments += ["--seconds-per-measurement", "0.001", "--out", str(folder)]
        arguments += ["--only", "network", "frame", "stages", "grin", "layout"]
        assert main.main(arguments) == 0
    assert cv2.imread(str(folder / "gpu.png")) is not None
    content: dict[str, Any] = json.loads((folder / "gpu.json").read_text())
    return content


def test_every_section_of_every_network_is_measured(report: dict[str, Any]) -> None:
    assert report["failed"] == {}
    found = {(each["part"], each["network"], each["way"]) for each in report["times"]}
    for way in (EAGER, CAPTURED, COMPILED):
        assert (NETWORK, "zoedepth-tiny", way) in found
    for way in (EAGER, COMPILED):
        assert (FRAME, "zoedepth-tiny", way) in found
    assert {(NETWORK, "moge-small", CAPTURED), (FRAME, "moge-small", EAGER)} <= found
    assert {way for part, _, way in found if part == LAYOUT} >= {
        "channels last, captured",
        "contiguous, eager",
        "attention math, captured",
        "TF32 on, captured",
    }


def test_a_network_that_denoises_is_measured_by_pixels_and_steps(
    report: dict[str, Any],
) -> None:
    asked = {each["case"] for each in report["frames"] if each["network"] == "grin-small"}
    assert asked == {"96x64 default S=1", *(f"96x64 dense S={steps}" for steps in (1, 2))}


def test_frames_have_stages_and_the_machine_is_named(report: dict[str, Any]) -> None:
    (laps, *_) = (each["stages"] for each in report["stages"])
    assert {lap["stage"] for lap in laps} >= {"upload", "network", "points", "copy", "land"}
    assert {"cpu", "torch", "transformers", "device"} <= report["machine"].keys()


def test_networks_are_of_the_published_sizes() -> None:
    sizes_m = {"small": 24.8, "base": 97.5, "large": 335, "zoedepth": 344, "moge": 326}
    for name, parameters_m in sizes_m.items():
        with torch.device("meta"):
            network = _meta(name)
        assert millions(network) == pytest.approx(parameters_m, rel=0.01), name


def _meta(name: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "_vary", lambda *_: None)
        return networks._BUILDERS[name]().network


def test_random_networks_vary_over_an_image() -> None:
    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.end = torch.nn.Conv2d(3, 1, 3)

        def forward(self, pixels: Tensor) -> Tensor:
            return self.end(pixels)  # type: ignore[no-any-return]

    flat, noise = Flat().requires_grad_(False), torch.randn(1, 3, 32, 32)
    networks._vary(flat, noise)
    assert float(flat(noise).std()) == pytest.approx(0.5, rel=0.01)
    assert float(flat(noise).mean()) == pytest.approx(-1.5, rel=0.01)


class Frozen(Host):
    """Captures badly: it repeats the first outputs whatever comes."""

    def capture(self, work: device.Work) -> device.Work:
        outputs = tuple(each + 1 for each in work())
        return lambda: outputs


class Noting(StandInBus):
    """Notes what is waited for, too."""

    def wait_for(self, number: int) -> None:
        self.log.append("wait")
        super().wait_for(number)


def made(on: Host, edges_filter: str = "points") -> tuple[Frames, Alone]:
    model = networks.build("zoedepth-tiny", CPU)
    pipeline = adapter.pipeline_of(model, "cpu", "float32", edges_filter=edges_filter)
    frame = picture(*SIZE)
    rgb = torch.from_numpy(frame.rgb)[None]
    return Frames(pipeline, on, frame), Alone(model, on, rgb, Request([frame.camera]))


def test_a_row_of_frames_starts_the_next_one_before_it_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = Noting()
    monkeypatch.setattr(download, "bus_of", lambda device: bus)
    frames, _ = made(Host(CPU))
    begun, finished = ["copy"] * 2, ["wait"] * 2
    frames.row(3)
    operations = [each.split()[0] for each in bus.log if each != "mark"]
    assert operations == [*begun, *begun, *finished, *begun, *finished, *finished]
    bus.log.clear()
    frames.one()
    assert [each.split()[0] for each in bus.log if each != "mark"] == [*begun, *finished]
    assert len(bus.allocated) == 4  # two for each output: one is written while the other is read


def test_messages_of_a_row_are_those_of_single_frames() -> None:
    frames, _ = made(Host(CPU))
    frames.one()
    once = frames.depth.clone(), frames.cloud.clone()
    frames.row(4)
    assert torch.equal(frames.depth, once[0])
    assert torch.equal(frames.cloud, once[1])


def test_a_count_on_the_device_cuts_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, _ = made(Host(CPU))
    asked = adapter.answer(frames.pipeline, frames.frame)
    counted = asked._replace(points=torch.tensor(7, dtype=torch.int32))
    monkeypatch.setattr("benchmarks.gpu.frames.answer", lambda *_: counted)
    frames.one()
    assert torch.equal(frames.cloud, asked.payload[:7].flatten())


def test_a_capture_with_another_output_is_not_timed() -> None:
    frozen = Frozen(CPU)
    _, alone = made(frozen)
    with pytest.raises(MismatchError, match="captured"):
        checks.check_outputs(CAPTURED, alone.work(CAPTURED)(), alone.work(EAGER)(), "float32")


@pytest.mark.parametrize("edges_filter", ["off", "points", "fill", "auto"])
def test_right_frames_pass_the_check(edges_filter: str) -> None:
    frames, alone = made(Host(CPU), edges_filter=edges_filter)
    assert checks.check_frame(frames, alone, "float32") == ""


def test_wrong_depth_and_lost_points_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, alone = made(Host(CPU))
    right = adapter.answer(frames.pipeline, frames.frame)
    fewer = right._replace(payload=right.payload[:-100])
    monkeypatch.setattr("benchmarks.gpu.frames.answer", lambda *_: fewer)
    with pytest.raises(MismatchError, match="points"):
        checks.check_frame(frames, alone, "float32")
    wrong = adapter.pipeline_of(
        predictor_of(frames.pipeline).model, "cpu", "float32", focal_correction=False
    )
    monkeypatch.setattr(frames, "pipeline", wrong)
    monkeypatch.setattr(wrong.metric_scaler, "focal_ratio", lambda *_: 2.0)
    with pytest.raises(MismatchError, match="depth"):
        checks.check_frame(frames, alone, "float32")


def test_values_that_are_not_finite_are_reported_and_compared() -> None:
    odd = (torch.tensor([1.0, torch.nan, torch.inf, 2.0]),)
    assert "50.0%" in checks.check_outputs(EAGER, odd, odd, "float16")
    with pytest.raises(MismatchError):
        checks.check_outputs(EAGER, (torch.ones(4),), odd, "float16")


class Counting:
    """A job that takes no time, and counts."""

    def __init__(self) -> None:
        self.singles, self.rows = 0, list[int]()

    def one(self) -> None:
        self.singles += 1

    def row(self, count: int) -> None:
        self.rows.append(count)


class Clock:
    """A clock on which each job takes a millisecond."""

    def __init__(self, job: Counting) -> None:
        self._job = job

    def perf_counter(self) -> float:
        return (self._job.singles + sum(self._job.rows)) * 1e-3


def test_times_are_per_call_one_by_one_and_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Counting()
    monkeypatch.setattr(timing, "time", Clock(job))
    times = timing.measure(job, Host(CPU), seconds=0.1)
    assert times.one.median == pytest.approx(1.0)
    assert times.row.median == pytest.approx(1.0)
    assert job.rows == 5 * [20]


def test_a_slow_call_is_not_repeated_much(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Counting()
    monkeypatch.setattr(timing, "time", Clock(job))
    timing.measure(job, Host(CPU), seconds=0.001)
    assert job.singles == 4
    assert job.rows == [2]


def a_run(folder: Path, budget_s: float = 60.0) -> Bench:
    return Bench(Host(CPU), Results({"device": "cpu"}), folder / "gpu.json", 0.001, budget_s)


def test_a_failure_is_reported_with_its_cause_and_the_rest_continues(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        try:
            raise ValueError("the CPU's tensor")
        finally:
            raise RuntimeError("the capture ended")

    run = a_run(tmp_path)
    assert run.attempt("this", fails) is None
    assert run.attempt("that", lambda: 1) == 1
    report = "the capture ended (first: the CPU's tensor)"
    assert json.loads((tmp_path / "gpu.json").read_text())["failed"] == {"this": report}
    assert f"failed: this: {report}" in capsys.readouterr().out


def test_a_lost_gpu_ends_the_attempts(tmp_path: Path) -> None:
    def lost() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    run = a_run(tmp_path)
    run.attempt("this", lost)
    assert run.attempt("that", lambda: 1) is None
    assert "lost" in run.results.failed["that"]


def test_nothing_is_begun_when_the_time_is_up(tmp_path: Path) -> None:
    assert a_run(tmp_path, 0.0).attempt("this", lambda: 1) is None
    assert a_run(tmp_path, 60.0).attempt("this", lambda: 1, needs_s=61.0) is None
    assert a_run(tmp_path, 60.0).attempt("this", lambda: 1) == 1


def times(one_ms: float, row_ms: float) -> Times:
    return Times(*(Spread(ms, ms, ms) for ms in (one_ms, row_ms)))


def results(**changes: Times) -> Results:
    """Numbers that reach every bar, but for changes."""
    numbers = {
        "small_network": times(2.0, 1.4),
        "small_frame": times(2.9, 1.6),
        "large_network": times(14.0, 14.0),
        "large_frame": times(14.9, 14.5),
        "grin": times(70.0, 69.0),
    } | changes
    small = Key(NETWORK, "small", "float16", COMPILED, bars.VGA)
    large = Key(NETWORK, "large", "float16", EAGER, bars.VGA)
    grin = Key(FRAME, "grin-base", "bfloat16", EAGER, bars.GRIN_CASE)
    keys = (small, small._replace(part=FRAME), large, large._replace(part=FRAME), grin)
    live = {
        bars.LIVE_60: {"replaced": 0, "per_second": 60.0},
        bars.ONE_NODE: {"replaced": 0, "per_second": 180.0},
        bars.THREE_NODES: {"replaced": 90, "per_second": 80.0},
    }
    return Results({}, dict(zip(keys, numbers.values(), strict=True)), live=live)


def verdict(found: Results, start: str) -> list[bool | None]:
    return [bar.is_reached for bar in bars.judge(found) if bar.name.startswith(start)]


def test_bars_are_reached_missed_or_not_measured() -> None:
    good = [bar.is_reached for bar in bars.judge(results())]
    assert (good.count(True), good.count(False), good.count(None)) == (8, 0, 2)
    nothing = bars.judge(Results({}))
    assert {bar.is_reached for bar in nothing} == {None}
    assert len(nothing) == 9


@pytest.mark.parametrize(
    ("changed", "value", "start"),
    [
        ("small_frame", times(3.1, 1.6), "added latency: small"),
        ("small_frame", times(2.9, 1.7), "share of the network in a row: small"),
        ("small_frame", times(2.9, 2.6), "frames per second"),
        ("large_frame", times(14.9, 14.9), "share of the network in a row: large"),
        ("grin", times(81.0, 70.0), "frame: grin-base"),
    ],
)
def test_each_bar_is_missed_by_its_own_number(changed: str, value: Times, start: str) -> None:
    assert verdict(results(), start) == [True]
    assert verdict(results(**{changed: value}), start) == [False]


def test_live_bars_are_missed() -> None:
    found = results()
    found.live[bars.LIVE_60]["replaced"] = 1
    found.live[bars.THREE_NODES]["per_second"] = 91.0
    assert verdict(found, "live") == verdict(found, "three cameras") == [False]


def test_a_verdict_names_its_bar_and_number() -> None:
    text = Bar("a", "at least 2", 1.5, False).text()
    assert text.split() == ["MISSED", "a", "1.500", "wanted:", "at", "least", "2"]
    assert Bar("a", "at least 2", None, None).text().startswith("not measured")


def test_it_needs_no_ros() -> None:
    names = ("rclpy", "sensor_msgs", "std_msgs", "diagnostic_msgs", "builtin_interfaces")
    absent = "; ".join(f"sys.modules['{name}'] = None" for name in names)
    script = f"import sys; {absent}; import benchmarks.gpu.__main__"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=240)


def test_without_ros_nothing_is_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live, "find_spec", lambda _: None)
    run = a_run(tmp_path)
    live.run(run, "zoedepth-tiny", "float32", 1.0)
    assert capsys.readouterr().out == "live: not measured: no rclpy\n"
    assert run.results.live == {}


def test_what_decides_comes_first() -> None:
    order = main._order(["grin-tiny", "moge", "small", "large"], ["float16", "bfloat16"])
    assert order[:4] == [
        ("small", "float16"),
        ("large", "float16"),
        ("small", ""),
        ("grin-tiny", "bfloat16"),
    ]
    assert len(order) == len(set(order)) == 9
