"""Whole frames, the obvious way's and ours: that they agree, and what is said of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("rclpy", reason="the benchmarks fill rclpy's messages")

from benchmarks import network, sizes, whole
from benchmarks.mismatch import MismatchError
from benchmarks.sizes import Size
from benchmarks.whole import NETWORK, STOCK, Case
from depth_ros.models import DepthModel
from depth_ros.profile import Lap

pytestmark = pytest.mark.slow

OURS = whole.TORCH


@pytest.fixture(scope="module")
def size(tmp_path_factory: pytest.TempPathFactory) -> Size:
    """A size that is exported once."""
    made = sizes.tiny()
    model = made.exported(80, 60, tmp_path_factory.mktemp("exported"))

    class Exported(Size):
        def exported(self, width: int, height: int, folder: Path) -> DepthModel:
            return model

    return Exported(*made)


def made_up(ours_ms: float, obvious_ms: float) -> Case:
    """The network takes 100 ms, and both ways what is said beside it."""
    series = {OURS: 100 + ours_ms, STOCK: 100 + obvious_ms, NETWORK: 100.0}
    frames = {
        name: 4 * [[Lap("network", 100.0), Lap("points", ms - 0.25), Lap("edges", 0.25)]]
        for name, ms in ((OURS, ours_ms), (STOCK, obvious_ms))
    }
    return Case("a case", {name: ms * np.ones(4) for name, ms in series.items()}, frames)


def test_all_ways_agree_and_every_stage_but_the_network_is_overhead(size: Size) -> None:
    case = whole.measure(size, 80, 60, "cpu", repeats=2)
    assert {whole.TORCH, whole.ONNX, STOCK, NETWORK, whole.COPIES} == case.series.keys()
    assert case.ours == [whole.TORCH, whole.ONNX]
    for name in (*case.ours, STOCK):
        stages = {lap.stage for lap in case.frames[name][-1]}
        assert stages >= {"decode", "preprocess", "network", "post", "points", "copy"}
        assert len(case.overhead(name)) == len(case.series[name]) == 2
        assert (case.overhead(name) < case.series[name]).all()
        assert (case.overhead(name) + case.network(name) < 1.05 * case.series[name]).all()


@pytest.mark.parametrize(("name", "parameters_m"), [("small", 24.8), ("large", 344)])
def test_the_networks_are_as_large_as_those_that_they_stand_for(
    name: str, parameters_m: float
) -> None:
    with torch.device("meta"):
        size = sizes.SIZES[name]()
    assert network.millions(size.model.network) == pytest.approx(parameters_m, rel=0.01)


def test_ways_that_differ_are_found(size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "DEPTH_TOLERANCE", -1.0)
    with pytest.raises(MismatchError, match="depth is"):
        whole.measure(size, 80, 60, "cpu", repeats=1)


def test_a_bar_that_is_missed_is_shown_with_the_stages_that_say_why() -> None:
    good, bad = whole.table(made_up(4.0, 21.0)), whole.table(made_up(6.0, 12.0))
    assert (good.count("reached"), good.count("MISSED"), good.count("edges 0.25")) == (3, 0, 0)
    assert (bad.count("reached"), bad.count("MISSED"), bad.count("edges 0.25")) == (0, 3, 2)


def test_a_bar_may_be_reached_where_the_same_work_is_compared() -> None:
    said = whole.table(made_up(4.0, 19.5))
    assert (said.count("reached"), said.count("MISSED")) == (2, 1)


def test_numbers_for_programs_hold_every_way_and_bar() -> None:
    said = whole.as_json(made_up(4.0, 21.0))
    assert said["frame_ms"][NETWORK]["median"] == 100
    assert said["overhead_ms"][STOCK]["median"] == 21
    assert [reached for _, reached in said["bars"][OURS].values()] == [True, True, True]
