"""What the node does not do: work that nobody asked for, or for a frame that is out of date."""

from __future__ import annotations

import pytest

from depth_ros.pipeline import Pipeline
from depth_ros.runtimes import threads
from test.ros.conftest import Bench, stamp_of, take

pytest.importorskip("rclpy")


def test_without_listeners_the_network_does_not_run(bench: Bench) -> None:
    bench.start()
    runs = bench.gate.runs
    for number in range(3):
        bench.show(take(number))
        bench.peer.wait(lambda number=number: bench.total("unheard") == number + 1)  # type: ignore[misc]
    assert bench.gate.runs == runs
    bench.listen("depth/image")
    assert bench.ask(take(3))["depth/image"].height == 60
    assert bench.gate.runs == runs + 1


def test_a_listener_to_camera_info_alone_does_not_make_the_network_run(bench: Bench) -> None:
    bench.start("depth/camera_info")
    runs = bench.gate.runs
    assert bench.ask(take())["depth/camera_info"].width == 80
    assert bench.gate.runs == runs


def test_points_that_are_off_do_not_make_the_network_run(bench: Bench) -> None:
    bench.start("points", publish_points=False)
    runs = bench.gate.runs
    bench.show(take())
    bench.peer.wait(lambda: bench.total("unheard") == 1)
    assert bench.gate.runs == runs


@pytest.mark.parametrize(
    ("topic", "computed"),
    [("depth/image", set[str]()), ("depth/color", {"colours"}), ("points", {"points"})],
)
def test_only_what_is_listened_to_is_computed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, topic: str, computed: set[str]
) -> None:
    called: list[str] = []
    for name in ("colours", "points"):
        method = getattr(Pipeline, name)

        def spy(*arguments: object, name: str = name, method: object = method) -> object:
            called.append(name)
            return method(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(Pipeline, name, spy)
    bench.start(topic)
    bench.ask(take())
    assert set(called) == computed


def test_a_listener_may_go_and_come_back(bench: Bench) -> None:
    bench.start("depth/image")
    bench.ask(take(0))
    bench.leave("depth/image")
    runs = bench.gate.runs
    bench.show(take(1))
    bench.peer.wait(lambda: bench.total("unheard") == 1)
    assert bench.gate.runs == runs
    bench.listen("depth/image")
    bench.ask(take(2))
    stamps = [stamp_of(depth) for depth in bench.peer.received["depth/image"]]
    assert stamps == [take(0).stamp_ns, take(2).stamp_ns]


def test_frames_that_come_during_inference_replace_each_other(bench: Bench) -> None:
    bench.start("depth/image")
    bench.gate.close()
    bench.show(take(0))
    bench.peer.wait(bench.gate.entered.is_set, "the first frame's inference")
    for number in range(1, 5):
        bench.show(take(number))
    assert bench.total("replaced") == 3
    bench.gate.open()
    bench.answers(take(4))
    stamps = [stamp_of(depth) for depth in bench.peer.received["depth/image"]]
    assert stamps == [take(0).stamp_ns, take(4).stamp_ns]
    bench.peer.wait(lambda: bench.total("answered") == 2)  # counted after it was sent
    assert (bench.total("image"), bench.total("dropped")) == (5, 0)


def test_the_network_gets_as_many_threads_as_the_settings_say(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []

    def use(count: int) -> int:
        given.append(count)
        return count

    monkeypatch.setattr(threads, "use", use)
    bench.start(threads=3)
    assert given == [3]
