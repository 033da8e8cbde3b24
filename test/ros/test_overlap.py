"""A frame is published while the next one is launched: in order, a few at most, each counted once.

The device is a stand-in, whose results land when the test lets them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from test.killing import kill
from test.ros.conftest import LOG, Bench, Reference, set_parameters, stamp_of, take
from test.runtimes.stand_in_bus import StandInBus

pytest.importorskip("rclpy")

from lifecycle_msgs.msg import State, Transition

from depth_ros.messages import points_from_cloud
from depth_ros.pipeline import Cloud, Pipeline
from depth_ros.ros import worker
from depth_ros.ros.publishers import Outputs
from depth_ros.runtimes import download
from test.ros.test_cameras import DEPTHS, NAMES, metres, shot_of, show, totals
from test.ros.test_diagnostics import values
from test.ros.test_lifecycle import begin, change, state, waits_in_vain
from test.ros.test_supervision import ERROR, LOST, OUTCOMES, counted, threads, told

PUBLISHER = "depth publisher"
QUIET: dict[str, Any] = {"stale_after_s": 1000.0}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> StandInBus:
    bus = StandInBus()
    monkeypatch.setattr(worker, "overlaps", lambda pipeline: True)
    monkeypatch.setattr(download, "bus_of", lambda device: bus)
    return bus


@pytest.fixture
def bench(bus: StandInBus, bench: Bench) -> Iterator[Bench]:
    """A node that overlaps, and ends whatever the stand-in holds back."""
    yield bench
    bus.opened.set()


def launched(bench: Bench, number: int) -> None:
    """Show a picture, and wait until its network has run while others are landing."""
    runs = bench.gate.runs
    bench.show(take(number))
    bench.peer.wait(lambda: bench.gate.runs == runs + 1, f"the launch of picture {number}")


def landing(bench: Bench, bus: StandInBus, number: int) -> None:
    """Show a picture, and wait until its landing is waited for, which does not come."""
    bus.hold()
    bench.show(take(number))
    bench.peer.wait(bus.entered.is_set, f"the landing of picture {number}")


def stamps(bench: Bench, topic: str) -> list[int]:
    return [stamp_of(message) for message in bench.peer.received[topic]]


def test_every_frame_is_published_right_and_in_order(
    bench: Bench, bus: StandInBus, reference: Reference
) -> None:
    topics = ("depth/image", "depth/camera_info", "depth/color", "points")
    bench.start(*topics, edges_filter="off")
    for number in range(5):
        shot = take(number)
        answers = bench.ask(shot)
        depth = answers["depth/image"]
        found = np.frombuffer(depth.data, "<f4").reshape(depth.height, depth.width)
        np.testing.assert_allclose(found, reference(shot, edges_filter="off"), 1e-4, 1e-4)
        xyz = points_from_cloud(answers["points"]).xyz
        seen = np.isfinite(found)
        np.testing.assert_array_equal(np.sort(xyz[:, 2]), np.sort(found[seen]))
        assert np.frombuffer(answers["depth/color"].data, np.uint8).std() > 1
    for topic in topics:
        assert stamps(bench, topic) == [take(number).stamp_ns for number in range(5)]
    bench.peer.wait(lambda: bench.total("answered") == 5)
    assert bench.node.health.latency_ms()[0] > 0


def test_its_camera_comes_before_all_else_of_a_frame(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    send = Outputs._send

    def noting(self: Outputs, topic: str, message: Any) -> None:
        sent.append(topic)
        send(self, topic, message)

    monkeypatch.setattr(Outputs, "_send", noting)
    bench.start("depth/image", "depth/camera_info", "points")
    bench.ask(take())
    assert sent == ["depth/camera_info", "depth/image", "points"]


def test_the_next_frame_is_launched_while_one_lands_and_no_third(
    bench: Bench, bus: StandInBus
) -> None:
    bench.start("depth/image", "points")
    landing(bench, bus, 0)
    launched(bench, 1)
    runs = bench.gate.runs
    for number in (2, 3, 4):
        bench.show(take(number))
    assert (bench.total("replaced"), bench.gate.runs) == (2, runs)  # the newest one waits
    assert counted(bench) == 2
    bus.opened.set()
    bench.answers(take(4))
    assert stamps(bench, "depth/image") == [take(number).stamp_ns for number in (0, 1, 4)]
    assert stamps(bench, "points") == stamps(bench, "depth/image")
    bench.peer.wait(lambda: counted(bench) == 5)
    assert bench.total("answered") == 3


def test_a_frame_has_one_set_of_settings_from_its_launch_to_its_last_message(
    bench: Bench, bus: StandInBus
) -> None:
    bench.start("depth/image", "points", points_organised=True)
    landing(bench, bus, 0)
    launched(bench, 1)
    assert not set_parameters(bench, points_organised=False, points_colour=False)
    bus.opened.set()
    for number in (0, 1):
        points = bench.answers(take(number))["points"]
        assert (points.height, points.point_step) == (60, 16)
    points = bench.ask(take(2))["points"]
    assert (points.height, points.point_step) == (1, 12)


def test_what_is_published_is_not_written_by_the_next_frame(
    bench: Bench, bus: StandInBus, reference: Reference
) -> None:
    bench.start("depth/image", "points", points_organised=True, edges_filter="off")
    landing(bench, bus, 0)
    launched(bench, 1)
    bus.opened.set()
    for number in (0, 1):
        points = points_from_cloud(bench.answers(take(number))["points"])
        expected = reference(take(number), edges_filter="off")
        expected = np.where(np.isfinite(expected), expected, np.nan)
        np.testing.assert_allclose(points.xyz[..., 2], expected, 1e-4, 1e-4)
        assert points.rgb is not None
        seen = np.isfinite(expected)
        np.testing.assert_array_equal(points.rgb[seen], take(number).rgb[seen])


def test_a_dense_cloud_has_as_many_points_as_its_device_counts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Pipeline.cloud

    def counting(pipeline: Pipeline, depth: Any) -> Cloud:
        return Cloud(whole(pipeline, depth).payload, torch.tensor([7]))

    monkeypatch.setattr(Pipeline, "cloud", counting)
    bench.start("points")
    cloud = bench.ask(take())["points"]
    assert (cloud.width, cloud.row_step, len(cloud.data)) == (7, 7 * 16, 7 * 16)


def test_a_frame_stays_one_frame_of_the_profile(bench: Bench) -> None:
    bench.start("depth/image", "points", "/diagnostics", **QUIET)
    for number in range(3):
        bench.ask(take(number))
    bench.peer.wait(lambda: bench.total("answered") == 3)
    said = values(bench.report(lambda status: values(status)["answered"] == "3"))
    keys = [key.split()[1] for key in said if key.startswith("stage ")]
    for stage in ("wait", "decode", "network", "post", "points", "copy", "land", "publish"):
        assert float(said[f"stage {stage} [ms]"]) >= 0
    assert keys.index("network") < keys.index("land") < keys.index("publish")
    pipeline = bench.node.cameras[0].pipeline
    assert pipeline is not None
    frames = pipeline.profile.frames()
    assert len(frames) == 3
    latency_ms = bench.node.health.latency_ms()[1]
    assert all(0 < sum(lap.host_ms for lap in laps) < latency_ms + 5 for laps in frames)


def test_a_publisher_that_is_killed_counts_its_frame_and_another_takes_its_place(
    bench: Bench, bus: StandInBus
) -> None:
    bench.start("depth/image", "/diagnostics", **QUIET)
    bench.ask(take(0))
    (publisher,) = threads(PUBLISHER)
    landing(bench, bus, 1)
    launched(bench, 2)
    kill(publisher)
    bus.opened.set()
    status = told(bench, ERROR, "a publisher ended and was restarted", "SystemExit")
    assert values(status)["worker restarts"] == "1"
    bench.answers(take(2))
    bench.ask(take(3))
    bench.peer.wait(lambda: counted(bench) == 4)
    assert (bench.total("answered"), bench.total("dropped")) == (3, 1)
    assert threads(PUBLISHER) != [publisher]


def test_a_publisher_that_is_killed_while_it_has_nothing_to_do_loses_nothing(
    bench: Bench,
) -> None:
    bench.start("depth/image", "/diagnostics", **QUIET)
    bench.ask(take(0))
    (publisher,) = threads(PUBLISHER)
    kill(publisher)
    bench.show(take(1))
    told(bench, ERROR, "a publisher ended and was restarted", "SystemExit")
    bench.answers(take(1))
    bench.peer.wait(lambda: counted(bench) == 2)


def test_a_worker_that_is_killed_at_launch_counts_its_frame(bench: Bench) -> None:
    bench.start("depth/image", "/diagnostics", **QUIET)
    bench.ask(take(0))
    (launcher,) = threads("depth worker")
    bench.gate.close()
    bench.show(take(1))
    bench.peer.wait(bench.gate.entered.is_set, "the frame's inference")
    kill(launcher)
    bench.gate.open()
    told(bench, ERROR, "a worker ended", "SystemExit")
    for number in (2, 3, 4):  # no place is lost
        bench.ask(take(number))
    bench.peer.wait(lambda: counted(bench) == 5)
    assert (bench.total("answered"), bench.total("dropped")) == (4, 1)


def test_a_landing_that_hangs_is_told_with_its_stage_and_does_not_hold_up_a_stop(
    bench: Bench, bus: StandInBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_s = waits_in_vain(monkeypatch)
    bench.start("depth/image", "/diagnostics", LOG, stale_after_s=0.5)
    landing(bench, bus, 0)
    launched(bench, 1)
    bench.show(take(2))
    bench.report(lambda status: "a publisher is at one image for" in status.message)
    assert not change(bench, Transition.TRANSITION_DEACTIVATE)
    assert 0 < sum(waits_s) < 5
    bench.warning("a publisher is at one image for", "stage 'land'", "and is abandoned")
    assert state(bench) == State.PRIMARY_STATE_UNCONFIGURED
    bench.report(lambda status: status.level == ERROR and "abandoned" in status.message)
    assert bench.total("dropped") == 2  # what waited, and what was launched behind
    bus.opened.set()
    bench.peer.wait(lambda: counted(bench) == 3)
    assert bench.total("answered") == 0


def test_a_stop_publishes_what_is_launched_and_counts_what_waits(
    bench: Bench, bus: StandInBus
) -> None:
    bench.start("depth/image", **QUIET)
    landing(bench, bus, 0)
    launched(bench, 1)
    bench.show(take(2))
    response = begin(bench, Transition.TRANSITION_DEACTIVATE)
    bench.peer.wait(lambda: bench.total("dropped") == 1, "the end of what waits")
    bus.opened.set()
    bench.peer.wait(response.done)
    assert response.result().success
    assert (bench.total("answered"), bench.total("dropped"), counted(bench)) == (2, 1, 3)
    bench.answers(take(1))
    assert not threads(PUBLISHER)
    assert change(bench, Transition.TRANSITION_ACTIVATE)
    bench.ask(take(3))


def test_a_landing_that_fails_costs_one_frame_and_no_thread(bench: Bench, bus: StandInBus) -> None:
    bench.start("depth/image", LOG, "/diagnostics", **QUIET)
    before = threads(PUBLISHER)
    bus.failure = RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
    bench.show(take(0))
    bench.warning("/image", "out of memory")
    told(bench, ERROR, "failed", "out of memory")
    bus.failure = None
    bench.ask(take(1))
    bench.peer.wait(lambda: counted(bench) == 2)
    assert threads(PUBLISHER) == before


def test_a_device_that_is_lost_at_landing_is_given_up(bench: Bench, bus: StandInBus) -> None:
    bench.start("/diagnostics", LOG, autostart=False, **QUIET)
    assert change(bench, Transition.TRANSITION_CONFIGURE)
    assert change(bench, Transition.TRANSITION_ACTIVATE)
    bench.listen("depth/image")
    bus.failure = RuntimeError(LOST)
    for number in range(3):  # one publisher; a worker, which finds the same; another worker
        bench.show(take(number))
        bench.peer.wait(lambda number=number: bench.total("dropped") == number + 1)  # type: ignore[misc]
    bench.warning("keep ending", "unloaded", LOST)
    bench.peer.wait(lambda: state(bench) == State.PRIMARY_STATE_UNCONFIGURED)
    told(bench, ERROR, "failed", LOST)
    assert not threads(PUBLISHER) and not threads("depth worker")


def test_what_fails_at_launch_drops_the_frame_behind_those_before_it(
    bench: Bench, bus: StandInBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start("depth/image", "depth/color", LOG)
    colours = Pipeline.colours

    def fail(self: Pipeline, depth: Any) -> Any:
        raise RuntimeError("no colours")

    landing(bench, bus, 0)
    monkeypatch.setattr(Pipeline, "colours", fail)
    launched(bench, 1)
    bus.opened.set()
    bench.warning("/image", "no colours")
    monkeypatch.setattr(Pipeline, "colours", colours)
    bench.ask(take(2))
    assert stamps(bench, "depth/image") == [take(number).stamp_ns for number in (0, 1, 2)]
    bench.peer.wait(lambda: counted(bench) == 3)
    assert (bench.total("answered"), bench.total("dropped")) == (2, 1)


def test_images_that_wait_together_share_a_run_and_each_has_its_own_answer(
    bench: Bench, bus: StandInBus, reference: Reference
) -> None:
    bench.start(*DEPTHS, cameras=NAMES, threads=1)
    bus.hold()
    runs = bench.gate.runs
    for number in (8, 9):
        show(bench, "front", shot_of("front", number))
        bench.peer.wait(lambda: bench.gate.runs == runs + number - 7)  # noqa: B023
    shots = {name: shot_of(name) for name in NAMES}
    for name, shot in shots.items():
        show(bench, name, shot)
    bus.opened.set()
    bench.peer.wait(lambda: sum(totals(bench, "answered")) == 5)
    assert bench.gate.runs == runs + 3
    bench.peer.wait(lambda: bench.peer.answers(take().stamp_ns).keys() >= set(DEPTHS))
    for name, shot in shots.items():
        np.testing.assert_allclose(metres(bench, name, shot), reference(shot), 1e-3, 1e-3)


def test_what_nobody_listens_to_takes_no_place(bench: Bench) -> None:
    bench.start()
    for number in range(4):
        bench.show(take(number))
        bench.peer.wait(lambda number=number: bench.total("unheard") == number + 1)  # type: ignore[misc]
    bench.listen("depth/image")
    bench.ask(take(4))


def test_many_frames_are_each_counted_once_and_published_in_order(bench: Bench) -> None:
    bench.start("depth/image", **QUIET)
    bench.deliver("camera_info", take().info(), "camera_info")
    for number in range(60):
        bench.peer.publish("image", replace(take(), stamp_ns=take(number).stamp_ns).image())
    bench.peer.wait(lambda: bench.total("image") > 0 and counted(bench) == bench.total("image"))
    outcomes = {event: bench.total(event) for event in OUTCOMES}
    bench.peer.wait(lambda: len(stamps(bench, "depth/image")) == bench.total("answered"))
    assert stamps(bench, "depth/image") == sorted(stamps(bench, "depth/image")), outcomes


def test_only_what_is_not_the_host_overlaps() -> None:

    for device, expected in (("cpu", False), ("cuda", True)):
        pipeline: Any = SimpleNamespace(device=torch.device(device))
        assert worker.overlaps(pipeline) is expected
