"""The live benchmark: that its sums are right, and that a real run loses count of nothing."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="the processes are ROS nodes")

from benchmarks import live
from benchmarks.live import Sample, Setup
from depth_ros.errors import DepthError

pytestmark = [pytest.mark.dds, pytest.mark.slow]

MS = 10**6


def status(images: int, answered: int, replaced: int) -> dict[str, str]:
    return {
        "images": str(images),
        "answered": str(answered),
        "replaced by a newer image": str(replaced),
        "latency median [ms]": "40.0",
        "stage network [ms]": "30.00",
    }


def noted() -> dict[str, Any]:
    """Two cameras send ten images; the left one's cloud of one answer is lost."""
    sent = [number * 100 * MS for number in range(10)]
    arrivals = {
        name: {
            "image": [(stamp, stamp + 3 * MS) for stamp in sent],
            "points": [(stamp, stamp + 50 * MS) for stamp in sent[:clouds]],
        }
        for name, clouds in (("front", 9), ("left", 8))
    }
    return {"arrivals": arrivals, "statuses": {"a": status(10, 9, 1), "b": status(10, 9, 1)}}


def test_what_is_lost_on_the_wire_is_told_from_what_was_replaced() -> None:
    samples = [Sample(1.0, 500.0), Sample(1.5, 520.0), Sample(2.0, 521.0), Sample(2.8, 523.5)]
    result = live.summarise("two", 10, noted(), samples)
    assert (result.sent, result.received, result.replaced) == (20, 20, 2)
    assert (result.answered, result.arrived) == (18, 17)
    assert (result.lost_in, result.lost_out) == (0, 1)
    assert result.seconds == pytest.approx(0.9)
    assert result.cpu_ms == pytest.approx(100)
    assert result.drift_mb == pytest.approx(3.5)
    text = result.text()
    assert text.count("MISSED") == text.count("reached") == 1


def test_a_latency_is_the_sum_of_its_places() -> None:
    split = live.summarise("two", 10, noted(), [Sample(0.0, 0.0)] * 3).split_ms
    assert split == pytest.approx({"whole": 50, "wire in": 3, "network": 30, "wire out": 7})


def test_a_run_without_an_answer_is_an_error() -> None:
    silent = noted()
    silent["arrivals"]["left"]["points"] = []
    with pytest.raises(DepthError, match="two: no answer came"):
        live.summarise("two", 10, silent, [Sample(0.0, 0.0)])


def test_one_node_and_many_have_the_same_topics() -> None:
    one, many = live.one_node(3), live.many_nodes(3)
    assert one.names == many.names == ["front", "left", "right"]
    assert one.nodes == [["-p", "cameras:=[front,left,right]"]]
    assert many.nodes[1] == ["-r", "__ns:=/left"]


def test_a_real_run_counts_every_image(checkpoint: Path) -> None:
    setup = Setup("two", ["front", "left"], live.one_node(2).nodes)
    result = live.run(setup, str(checkpoint), hz=5, seconds=1)
    assert result.sent == 10
    assert result.received <= 10
    assert 0 < result.arrived <= result.answered <= result.received
    assert len(result.latencies_ms) == 2
    assert {"wire in", "wait", "upload", "preprocess", "network", "post"} <= result.split_ms.keys()
