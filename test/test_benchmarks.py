import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip("rclpy", reason="the benchmarks fill rclpy's messages")

from benchmarks import __main__ as benchmark
from benchmarks import checks, example, network, picture, stages
from benchmarks.machine import Facts
from benchmarks.mismatch import MismatchError
from benchmarks.obvious import Obvious
from benchmarks.report import (
    COPY,
    EDGES,
    NETWORK,
    OBVIOUS,
    OURS,
    OWN_NETWORK,
    SOURCES,
    WHOLE,
    Report,
    key,
)
from benchmarks.stages import STAGES, Ours
from benchmarks.timing import Spread, Timer
from depth_ros.config import Settings
from depth_ros.models.zoedepth import Preprocessing, save, tiny_network
from depth_ros.pipeline import Pipeline

Pair = tuple[Ours, Obvious]


def make_pipeline(folder: Path, pad: bool = False) -> Pipeline:
    """A pipeline with random weights."""
    torch.manual_seed(0)
    save(tiny_network(64, 48, 60.0, 20.0), folder, Preprocessing(48, 64, 32, pad=pad))
    settings = Settings(
        model=str(folder), device="cpu", max_depth_m=example.MAX_DEPTH_M, edges_filter="off"
    )
    return Pipeline.from_settings(settings)


def make_pair(pipeline: Pipeline, frame: example.Example) -> Pair:
    """Both ways, after one frame."""
    ways = Ours(pipeline, frame), Obvious(pipeline, frame)
    with torch.inference_mode():
        for way in ways:
            stages.run(way)
    return ways


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return make_pipeline(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def frame(pipeline: Pipeline) -> example.Example:
    return example.make(pipeline)


@pytest.fixture
def pair(pipeline: Pipeline, frame: example.Example) -> Pair:
    return make_pair(pipeline, frame)


def made_up_report() -> Report:
    """Ours takes 1 ms per stage, the obvious way 4, edges 2, the network 200 and the rest 10."""
    beside = {OWN_NETWORK: 10, COPY: 10, WHOLE: 10, EDGES: 2, NETWORK: 200}
    ways = {key(OURS, stage): 1 for stage in STAGES} | {key(OBVIOUS, stage): 4 for stage in STAGES}
    rounds = np.array([1.0, 1.0, 1.0, 2.0])
    facts: Facts = {"cpu": "an abacus", "cores": 1, "load": 0.0, "torch_threads": 1, "torch": "2"}
    labels = {name: f"the {name}" for name in beside}
    series = {name: rounds * ms for name, ms in (ways | beside).items()}
    return Report(facts | {"device": "cpu"}, labels, series)


def test_the_obvious_way_and_ours_agree(pair: Pair) -> None:
    ours, obvious = pair
    checks.check_ways(ours, obvious)
    assert 0.5 < ours.message("points").width / (640 * 480) < 0.95
    ours_m = ours.depth.depth_m.numpy()
    np.testing.assert_allclose(ours_m, obvious.depth, rtol=1e-5)
    assert bytes(ours.message("depth/image").data) == ours_m.tobytes()


def test_they_agree_on_padded_images_too(tmp_path: Path, frame: example.Example) -> None:
    checks.check_ways(*make_pair(make_pipeline(tmp_path, pad=True), frame))


def test_the_stages_are_what_the_pipeline_does(pair: Pair) -> None:
    with torch.inference_mode():
        checks.check_stages(pair[0].pipeline, pair[0].example)


def test_other_pixels_are_found(pair: Pair) -> None:
    pair[0].pixels = pair[0].pixels + 0.01
    with pytest.raises(MismatchError, match=r"network's input is up to 0\.01"):
        checks.check_ways(*pair)


def test_pixels_that_are_no_numbers_are_found(pair: Pair) -> None:
    pair[0].pixels = pair[0].pixels * torch.nan
    with pytest.raises(MismatchError, match="up to nan"):
        checks.check_ways(*pair)


@pytest.mark.parametrize(("byte", "name"), [(2, "m off"), (12, "colours")])
def test_another_point_is_found(pair: Pair, byte: int, name: str) -> None:
    data = pair[1].cloud.data
    data[16 * 1000 + byte] ^= 64
    with pytest.raises(MismatchError, match=name):
        checks.check_ways(*pair)


def test_a_missing_point_is_found(pair: Pair) -> None:
    pair[1].depth[-1, 0] = np.nan
    pair[1].points()
    with pytest.raises(MismatchError, match=r"has \d+ points"):
        checks.check_ways(*pair)


def test_stages_that_differ_from_the_pipeline_are_found(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "limit_range", lambda depth_m, *_: 1e-3 * depth_m)
    with pytest.raises(MismatchError, match="off the pipeline's"), torch.inference_mode():
        checks.check_stages(pair[0].pipeline, pair[0].example)


def test_a_timer_calls_all_in_turn_and_leaves_the_warm_up_out() -> None:
    calls: list[str] = []
    timer = Timer(torch.device("cpu"), repeats=3, warm_up=2)
    series = timer.measure({name: partial(calls.append, name) for name in "ab"})
    assert calls == list("ab" * 5)
    assert {name: len(rounds) for name, rounds in series.items()} == {"a": 3, "b": 3}
    assert all((rounds >= 0).all() for rounds in series.values())


def test_a_spread_is_median_and_quartiles() -> None:
    assert Spread.of(np.array([1.0, 2.0, 3.0, 4.0, 50.0])) == (3, 2, 4)
    assert Spread(3, 2, 4).iqr == 2


def test_the_table_has_every_stage_and_comparison() -> None:
    report = made_up_report()
    lines = report.table().splitlines()
    names = [*STAGES, *(f"sum, {source}" for source in SOURCES), *report.labels.values()]
    for name in names:
        assert len([line for line in lines if line.startswith(name)]) == 1, name
    assert not any("slower" in line for line in lines)


def test_a_frame_is_decoded_once() -> None:
    report = made_up_report()
    report.series[key(OURS, "decode_jpeg")][:] = 100
    assert report.total(OURS, "jpeg").tolist() == [106, 106, 106, 112]
    assert report.total(OURS, "rgb8").tolist() == [7, 7, 7, 14]


def test_losses_are_reported() -> None:
    report = made_up_report()
    report.series[key(OURS, "upsample")][:] = 50
    (line,) = (line for line in report.table().splitlines() if line.startswith("upsample"))
    assert line.endswith("slower")


def test_targets_are_checked() -> None:
    aims = made_up_report().aims()
    assert [aim.ratio.median for aim in aims] == pytest.approx([4, 4, 0.045, 0.045])
    assert [aim.is_reached for aim in aims] == [False, False, True, True]
    table = made_up_report().table()
    assert table.count("MISSED") == table.count("reached") == 2


def test_longer_times_have_longer_bars() -> None:
    drawn = picture.draw(made_up_report())
    ours, obvious, network_blue = (80, 200, 120), (230, 150, 60), (110, 150, 230)
    lengths = [(drawn == colour).all(-1).sum(1).max() for colour in (ours, obvious, network_blue)]
    assert 100 < lengths[0] < lengths[1] < lengths[2]


def test_a_quick_run_writes_numbers_and_picture(
    pipeline: Pipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(network, "SIDE", 70)
    out = tmp_path / "new"
    model = str(pipeline.settings.model)
    assert benchmark.main(["--quick", "--device", "cpu", "--model", model, "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert all(stage in text for stage in STAGES)
    report = json.loads((out / "bench.json").read_text())
    assert report["machine"].keys() >= {"cpu", "cores", "torch_threads", "torch", "commit", "date"}
    names = {key(way, stage) for way in (OURS, OBVIOUS) for stage in (*STAGES, "sum_rgb8")}
    assert report["samples"].keys() >= names | {NETWORK, OWN_NETWORK, COPY, WHOLE}
    assert all(sample["median_ms"] > 0 for sample in report["samples"].values())
    assert len(report["aims"]) == 4
    assert cv2.imread(str(out / "bench.png")) is not None


def test_the_reference_network_has_25_million_parameters() -> None:
    assert network.millions(network.build()) == pytest.approx(24.8, abs=0.1)


def test_an_unknown_model_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["--quick", "--model", "nonesuch"]) == 1
    assert capsys.readouterr().err.startswith("benchmarks: model 'nonesuch' is unknown")


def test_a_mismatch_ends_the_run(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "PIXELS_TOLERANCE", -1.0)
    model = str(pipeline.settings.model)
    assert benchmark.main(["--quick", "--device", "cpu", "--model", model]) == 1
    captured = capsys.readouterr()
    assert "expected at most -1" in captured.err
    assert captured.out == ""
