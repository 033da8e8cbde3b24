"""A node whose network scales every image anew, and that takes this out again while asked to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from test.ros.conftest import Bench, take

pytest.importorskip("rclpy")

from rclpy.parameter import Parameter

TRUTH_M = torch.linspace(1, 4, 48)[:, None].expand(48, 64)


def jumps(bench: Bench, scales: Iterator[float], numbers: range) -> float:
    """How much log depth jumps from frame to frame (standard deviation)."""
    medians = []
    for number in numbers:
        bench.gate.instead = TRUTH_M[None] * next(scales)
        depth = bench.ask(take(number))["depth/image"]
        medians.append(np.nanmedian(np.frombuffer(depth.data, "<f4")))
    return float(np.diff(np.log(medians)).std())


def test_a_wobbling_scale_is_steadied_from_the_next_frame_on(bench: Bench) -> None:
    node = bench.start("depth/image")
    scales = iter(np.random.default_rng(1).uniform(0.9, 1.1, 80).tolist())
    before = jumps(bench, scales, range(20))
    assert before > 0.05
    assert node.set_parameters([Parameter("scale.steady_s", value=0.5)])[0].successful
    jumps(bench, scales, range(20, 40))
    assert jumps(bench, scales, range(40, 60)) < before / 4
    assert node.set_parameters([Parameter("scale.steady_s", value=0.0)])[0].successful
    assert jumps(bench, scales, range(60, 80)) > before / 2
