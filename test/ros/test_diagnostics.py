"""What the node reports of its health."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from test.ros.conftest import Bench, take

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import Image

from depth_ros.ros import health
from depth_ros.ros.health import Health

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def values(status: Any) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


def test_a_report_names_the_node_its_model_and_its_device(bench: Bench, checkpoint: Path) -> None:
    node = bench.start("/diagnostics", namespace="/robot", stale_after_s=1000.0, device="cpu")
    status = bench.report()
    assert status.name == f"{node.get_fully_qualified_name()}: depth"
    assert status.name.startswith("/robot/")
    assert status.hardware_id == "cpu"
    said = values(status)
    assert (said["model"], said["device"], said["last error"]) == (str(checkpoint), "cpu", "")
    assert (status.level, status.message) == (OK, "running")


def test_a_report_counts_frames_and_times_them(bench: Bench) -> None:
    bench.start("depth/image", "/diagnostics", stale_after_s=1000.0)
    for number in range(3):
        bench.ask(take(number))
    bench.deliver("image", Image(), "image")
    bench.peer.wait(lambda: bench.total("dropped") == 1)
    bench.leave("depth/image")
    bench.show(take(4))
    bench.peer.wait(lambda: bench.total("unheard") == 1)
    said = values(bench.report(lambda status: values(status)["images"] == "5"))
    assert (said["answered"], said["dropped"]) == ("3", "1")
    assert (said["skipped, no subscriber"], said["replaced by a newer image"]) == ("1", "0")
    assert float(said["output rate [Hz]"]) > 0
    assert float(said["input rate [Hz]"]) > 0
    assert 0 < float(said["latency median [ms]"]) <= float(said["latency p95 [ms]"])
    assert said["last error"].startswith("MessageError: encoding is ''")


def test_a_report_says_how_long_each_stage_took(bench: Bench) -> None:
    bench.start("depth/image", "points", "/diagnostics", stale_after_s=1000.0)
    bench.ask(take())
    said = values(bench.report(lambda status: "stage publish [ms]" in values(status)))
    stages = ["wait", "decode", "upload", "preprocess", "network", "post", "copy", "publish"]
    assert all(float(said[f"stage {stage} [ms]"]) >= 0 for stage in [*stages, "edges", "points"])


def test_silence_of_the_camera_is_a_warning_that_says_what_is_missing(bench: Bench) -> None:
    bench.start("/diagnostics", stale_after_s=0.1)
    assert bench.report(lambda status: status.message.startswith("no image for ")).level == WARN


def test_images_without_camera_info_are_a_warning(bench: Bench) -> None:
    bench.start("/diagnostics", "depth/image", stale_after_s=0.5)

    def without_info(status: Any) -> bool:
        bench.peer.publish("image", take().image())
        return bool(status.message.startswith("no camera_info for "))

    assert bench.report(without_info).level == WARN


def test_frames_that_are_all_dropped_are_a_warning_until_one_is_answered(bench: Bench) -> None:
    bench.start("/diagnostics", "depth/image", stale_after_s=1000.0)
    bench.show(take(0), Image())
    status = bench.report(lambda status: status.level == WARN)
    assert status.message.startswith("frames are dropped: MessageError")
    bench.ask(take(1))
    assert bench.report(lambda status: status.level == OK).message == "running"


def test_a_model_that_fails_is_an_error_until_it_works_again(bench: Bench) -> None:
    bench.start("/diagnostics", "depth/image", stale_after_s=1000.0)
    bench.ask(take(0))
    assert bench.report().level == OK
    bench.gate.failure = RuntimeError("out of memory")
    bench.show(take(1))
    status = bench.report(lambda status: status.level == ERROR)
    assert status.message == "failed: RuntimeError: out of memory"
    assert values(status)["dropped"] == "1"
    bench.gate.failure = None
    bench.ask(take(2))
    status = bench.report(lambda status: status.level == OK)
    assert values(status)["last error"] == "RuntimeError: out of memory"


def test_an_inactive_node_says_so(bench: Bench) -> None:
    bench.start("/diagnostics", autostart=False, stale_after_s=0.1)
    status = bench.report(lambda status: True)
    assert (status.level, status.message) == (OK, "not active")


def test_reports_and_answers_go_on_when_simulated_time_stands_still(bench: Bench) -> None:
    node = bench.start("/diagnostics", "depth/image", use_sim_time=True, stale_after_s=0.1)
    assert node.get_clock().now().nanoseconds == 0
    for number in range(2):
        bench.ask(take(number))
        bench.report()
    assert bench.peer.received["/diagnostics"][-1].header.stamp.sec == 0
    # Between the last camera_info and the last image it is camera_info that is missed first.
    assert bench.report(lambda status: status.message.startswith("no image")).level == WARN


# --- counters, with a clock of the test's own


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now_s=1000.0)
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    return clock


def test_a_rate_is_that_of_the_last_seconds(clock: SimpleNamespace) -> None:
    health = Health()
    assert health.rate_hz("image") == 0
    for _ in range(31):
        health.count("image")
        clock.now_s += 0.1
    assert health.rate_hz("image") == pytest.approx(10)
    clock.now_s += 11
    assert health.rate_hz("image") == 0
    assert health.total("image") == 31


def test_silence_is_counted_from_the_last_event_or_the_start(clock: SimpleNamespace) -> None:
    health = Health()
    clock.now_s += 3
    assert health.silent_s("image") == 3
    health.count("image")
    clock.now_s += 60
    assert health.silent_s("image") == 60
    health.started_s = clock.now_s
    clock.now_s += 1
    assert health.silent_s("image") == 1


def test_latencies_are_a_median_and_a_95th_percentile() -> None:
    health = Health()
    assert health.latency_ms() == (0.0, 0.0)
    for milliseconds in range(101):
        health.add_latency(milliseconds / 1000)
    assert health.latency_ms() == pytest.approx((50, 95))
    for _ in range(1000):
        health.add_latency(0.007)
    assert health.latency_ms() == pytest.approx((7, 7))


def test_threads_may_count_at_once() -> None:
    health = Health()

    def count() -> None:
        for _ in range(500):
            health.count("image")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert health.total("image") == 2000
