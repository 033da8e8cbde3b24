"""Images that come slower than they are answered are all answered, whatever happened before."""

from __future__ import annotations

import itertools
import math
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_ros.config import SPECS, Spec
from test.ros.conftest import Bench, Peer, Process, stamp_of, take

pytest.importorskip("rclpy")

from lifecycle_msgs.msg import Transition
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

from test.ros.test_lifecycle import change

IMAGES = 20
NOT_TAKEN = ("dropped", "replaced", "unheard", "lost")


def assert_all_answered(bench: Bench, first: int) -> None:
    """Show images one by one, each when the last one was answered."""
    before = {event: bench.total(event) for event in (*NOT_TAKEN, "answered")}
    for number in range(first, first + IMAGES):
        bench.ask(take(number))
    bench.peer.wait(lambda: bench.total("answered") == before["answered"] + IMAGES)
    assert {event: bench.total(event) for event in NOT_TAKEN} == {
        event: before[event] for event in NOT_TAKEN
    }


def some_values(spec: Spec, rng: np.random.Generator) -> Iterator[Any]:
    """Values of a setting, at the ends of its range and within, and what are none."""
    yield from ("no such value", True, 7, -1.5, math.nan, [1.0, 2.0], *spec.choices)
    if spec.low is not None and spec.high is not None and not isinstance(spec.default, tuple):
        within = rng.uniform(spec.low, spec.high)
        yield from (type(spec.default)(value) for value in (spec.low, spec.high, within))


def test_after_parameters_of_all_kinds(bench: Bench) -> None:
    bench.start("depth/image", "depth/color")
    rng = np.random.default_rng(0)
    values = [
        Parameter(name, value=value).to_parameter_msg()
        for name, spec in SPECS.items()
        for value in some_values(spec, rng)
    ]
    rng.shuffle(values)
    service = f"{bench.node.get_fully_qualified_name()}/set_parameters"
    taken = Counter[bool]()
    for number, begin in enumerate(range(0, len(values), 40)):
        bench.show(take(number))
        request = SetParameters.Request(parameters=values[begin : begin + 40])
        results = bench.peer.call(SetParameters, service, request).results
        taken.update(result.successful for result in results)
    assert min(taken[True], taken[False]) > 20
    bench.ask(take(number := number + 1))  # behind it nothing waits
    assert_all_answered(bench, number + 1)


def test_after_a_reset(bench: Bench) -> None:
    bench.start("depth/image")
    bench.ask(take(50))
    for first in (0, IMAGES):  # back in time as well
        bench.peer.leave("depth/image")
        assert change(bench, Transition.TRANSITION_DEACTIVATE)
        assert change(bench, Transition.TRANSITION_CLEANUP)
        assert change(bench, Transition.TRANSITION_CONFIGURE)
        assert change(bench, Transition.TRANSITION_ACTIVATE)
        bench.listen("depth/image")
        assert_all_answered(bench, first)


def test_of_two_nodes_of_one_name_by_each(peer: Peer, checkpoint: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "depth_ros.ros.main", "--ros-args"]
    command += ["-p", f"model:={checkpoint}", "-p", "fov_deg:=60.0"]
    peer.listen("depth/image")

    def answers(number: int) -> int:
        stamps = map(stamp_of, peer.received["depth/image"])
        return Counter(stamps)[take(number).stamp_ns]

    with ExitStack() as stack:
        for number in range(2):
            process = Process(command, tmp_path / f"{number}.log")
            stack.callback(process.close)
        numbers = itertools.count()

        def both_answer() -> bool:
            peer.publish("image", take(number := next(numbers)).image())
            return any(answers(each) == 2 for each in range(max(0, number - 20), number))

        peer.wait(both_answer, "an answer of each")
        for number in range(1000, 1000 + IMAGES):
            peer.publish("image", take(number).image())
            peer.wait(partial(lambda number: answers(number) == 2, number), "two answers")
