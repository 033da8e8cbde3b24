"""The node as users run it: a process of its own, its signals and its end."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Any

import pytest

from depth_ros import runtimes, share
from test.ros.conftest import Peer, Process, compressed, take

pytest.importorskip("rclpy")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType

from depth_ros.ros.node import DepthNode

Main = Callable[[list[str]], int]
NODE = [sys.executable, "-m", "depth_ros.ros.main", "--ros-args"]
DEPTH = "/robot/depth/image"


@pytest.fixture
def process(peer: Peer, checkpoint: Path, tmp_path: Path) -> Iterator[Process]:
    """A node in a namespace, with the parameter file, on a compressed image."""
    arguments = ["--params-file", str(share.find("config/depth_ros.yaml"))]
    arguments += ["-p", f"model:={checkpoint}", "-r", "__ns:=/robot"]
    arguments += ["-r", "image:=camera/image_raw/compressed"]
    process = Process([*NODE, *arguments], tmp_path / "node.log")
    yield process
    process.close()


def show(peer: Peer, number: int) -> None:
    peer.publish("/robot/camera/camera_info", take(number).info())
    peer.publish("/robot/camera/image_raw/compressed", compressed(take(number)))


def wait_for_answer(peer: Peer) -> None:
    """Show frames until one is answered: the first may be lost, or outrun its camera_info."""
    peer.listen(DEPTH)
    numbers = itertools.count()
    show(peer, next(numbers))
    steady = Clock(clock_type=ClockType.STEADY_TIME)
    camera = peer.ros.create_timer(0.5, lambda: show(peer, next(numbers)), clock=steady)
    peer.wait(lambda: peer.received[DEPTH], "an answer")
    peer.ros.destroy_timer(camera)


@pytest.mark.parametrize("signals", [(SIGINT, SIGINT), (SIGTERM,)], ids=["Ctrl-C twice", "TERM"])
def test_signals_end_a_busy_node_cleanly(
    peer: Peer, process: Process, signals: tuple[signal.Signals, ...]
) -> None:
    wait_for_answer(peer)
    for number in range(3):  # so that one is at hand
        show(peer, number)
    assert process.stop(*signals) == 0
    assert "Traceback" not in process.output
    assert "rror" not in process.output


def test_a_callback_that_loses_the_race_with_the_end_is_no_error(
    main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spin(node: DepthNode, future: Any) -> None:
        rclpy.shutdown()  # as rclpy's signal handler does, in a thread of its own
        (diagnostics,) = (p for p in node.publishers if p.topic_name == "/diagnostics")
        diagnostics.publish(DiagnosticArray())

    monkeypatch.setattr(rclpy, "spin_until_future_complete", spin)
    assert main(["--ros-args", "-p", "autostart:=false"]) == 0


def test_the_node_brings_its_profile_for_big_messages(
    main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles: list[str] = []

    def spin(node: DepthNode, future: Any) -> None:
        profiles.append(os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"])

    monkeypatch.setattr(rclpy, "spin_until_future_complete", spin)
    assert main(["--ros-args", "-p", "autostart:=false"]) == 0
    assert profiles == [str(share.find("config/fastdds.xml"))]


def test_the_process_is_tuned_for_the_device_of_the_settings(
    main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned: list[str] = []
    monkeypatch.setattr(runtimes, "prepare_process", tuned.append)
    monkeypatch.setattr(rclpy, "spin_until_future_complete", lambda node, future: None)
    assert main(["--ros-args", "-p", "autostart:=false", "-p", "device:=cpu"]) == 0
    assert tuned == ["cpu"]


def test_an_error_that_is_the_nodes_own_is_not_hidden(
    main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spin(node: DepthNode, future: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(rclpy, "spin_until_future_complete", spin)
    with pytest.raises(RuntimeError, match="a fault"):
        main(["--ros-args", "-p", "autostart:=false"])
    assert not rclpy.ok()


def test_a_node_on_its_own_that_cannot_be_configured_ends_with_the_cause(
    main: Main, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--ros-args", "-p", "model:=no-such-model"]) == 1
    (line,) = (
        line for line in capfd.readouterr().err.splitlines() if line.startswith("depth_node:")
    )
    assert "'no-such-model' is unknown" in line
    assert not rclpy.ok()


HANGING = """\
import sys, threading
from depth_ros.ros import main as node
from depth_ros.runtimes.torch_runtime import TorchRuntime
run = TorchRuntime.__call__
def run_or_hang(*arguments):
    if threading.current_thread().name == {thread!r}:
        print("it hangs", flush=True)
        threading.Event().wait()
    return run(*arguments)
TorchRuntime.__call__ = run_or_hang
sys.exit(node.main())
"""


@pytest.fixture
def hanging(checkpoint: Path, tmp_path: Path) -> Iterator[Callable[[str], Process]]:
    """Starts a node whose network hangs where a thread of a name runs it."""
    arguments = ["--ros-args", "-p", f"model:={checkpoint}", "-p", "stale_after_s:=0.1"]
    with ExitStack() as stack:

        def start(thread: str) -> Process:
            command = [sys.executable, "-c", HANGING.format(thread=thread), *arguments]
            process = Process(command, tmp_path / "node.log")
            stack.callback(process.close)
            return process

        yield start


def told(peer: Peer, process: Process, words: str) -> bool:
    """Whether the network hangs, and the node says so in its diagnostics."""
    assert process.popen.poll() is None, process.output
    reports = [report.status[0].message for report in peer.received["/diagnostics"]]
    return "it hangs" in process.output and any(words in text for text in reports)


def test_a_node_whose_network_hangs_ends_all_the_same(
    peer: Peer, hanging: Callable[[str], Process]
) -> None:
    process = hanging("depth worker")
    peer.listen("depth/image", "/diagnostics")

    def hangs() -> bool:
        peer.publish("camera_info", take().info())
        peer.publish("image", take().image())
        return told(peer, process, "in stage 'network'")

    peer.wait(hangs, "a report of the hang")
    assert process.stop(SIGINT) == 0
    assert "in stage 'network', and is abandoned" in process.output
    assert "Traceback" not in process.output


def test_a_node_that_hangs_while_it_is_configured_ends_all_the_same(
    peer: Peer, hanging: Callable[[str], Process]
) -> None:
    process = hanging("depth transition")
    peer.listen("/diagnostics")
    peer.wait(lambda: told(peer, process, "loading model"), "a report of the loading")
    assert process.stop(SIGINT) == 0
    assert "Traceback" not in process.output
    assert "rror" not in process.output
