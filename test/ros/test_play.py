"""Bags played over real DDS, by a process as the command line starts it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import QosDurability, QosReliability
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from depth_ros import cli
from depth_ros.bag import reader, writer
from depth_ros.bag.types import LATCHED, RELIABLE
from depth_ros.ros import pace, play, tf_message
from depth_ros.ros.message_class import message_class
from depth_ros.ros.pace import Pace
from test.ros.conftest import FRAME_ID, LENS, START_NS, Peer, Process, stamp_of, take

FRAMES = 6
STEP_S = 0.1
IMAGE, INFO = "/camera/image", "/camera/camera_info"


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A camera's bag, 0.1 s from frame to frame, with one transform at its beginning."""
    with writer.BagWriter(tmp_path / "bag") as out:
        mount = writer.static_transform("base", FRAME_ID, np.eye(4), START_NS)
        out.write("/tf_static", mount, START_NS)
        for number in range(FRAMES):
            stamp, rgb = take(number).stamp_ns, take(number).rgb
            out.write(INFO, writer.camera_info(LENS, stamp, FRAME_ID), stamp)
            out.write(IMAGE, writer.image(rgb, "rgb8", stamp, FRAME_ID), stamp)
    return tmp_path / "bag"


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the command line as a process."""
    started: list[Process] = []

    def start(*arguments: Any) -> Process:
        command = [sys.executable, "-m", "depth_ros.cli", *map(str, arguments)]
        started.append(Process(command, tmp_path / f"log{len(started)}"))
        return started[-1]

    yield start
    for process in started:
        process.close()


class Listener:
    """Keeps messages, with the times they were sent at."""

    def __init__(self, peer: Peer, kind: Any, topic: str, **qos: Any) -> None:
        self.messages: list[Any] = []
        self.times_s: list[float] = []
        self._peer = peer
        profile = QoSProfile(depth=100, **qos)
        self._subscription = peer.ros.create_subscription(kind, topic, self._keep, profile)

    def _keep(self, message: Any, info: dict[str, int]) -> None:
        self.messages.append(message)
        self.times_s.append(info["source_timestamp"] / 1e9)

    def wait(self, count: int) -> None:
        self._peer.wait(lambda: len(self.messages) >= count, f"{count} messages")

    @property
    def numbers(self) -> list[int]:
        """Which frames came."""
        return [(stamp_of(message) - START_NS) // 100_000_000 for message in self.messages]


def test_playing_waits_for_some_topics_though_nobody_hears_the_others(
    peer: Peer, bag: Path, start: Start
) -> None:
    process = start("play", bag, "--wait-for", IMAGE.lstrip("/"))
    peer.wait(lambda: peer.ros.count_publishers(IMAGE), "the player")
    images = Listener(peer, Image, IMAGE)
    images.wait(FRAMES)
    assert process.wait() == 0, process.output
    assert images.numbers == list(range(FRAMES))
    unknown = start("play", bag, "--wait-for", "/no/image")
    assert unknown.wait() == 2
    assert "has no topic /no/image" in unknown.output


def test_arguments_of_ros_follow_those_of_the_command(peer: Peer, bag: Path, start: Start) -> None:
    """Launch files add --ros-args to what they start, with or without remaps after it."""
    images = Listener(peer, Image, "/front/image")
    process = start(
        "play", bag, "--wait", "--topics", IMAGE, "--ros-args", "-r", f"{IMAGE}:=/front/image"
    )
    images.wait(FRAMES)
    assert process.wait() == 0, process.output
    assert start("play", bag, "--topics", "/tf_static", "--ros-args").wait() == 0


def test_everything_is_played_as_it_was_and_at_its_pace(
    peer: Peer, bag: Path, start: Start
) -> None:
    images, infos = Listener(peer, Image, IMAGE), Listener(peer, CameraInfo, INFO)
    process = start("play", bag, "--wait", "--topics", IMAGE, INFO)
    images.wait(FRAMES)
    infos.wait(FRAMES)
    assert process.wait() == 0, process.output
    assert images.numbers == infos.numbers == list(range(FRAMES))
    for number, message in enumerate(images.messages):
        assert bytes(message.data) == take(number).rgb.tobytes()
    assert list(infos.messages[0].d) == list(LENS.coefficients)
    took_s = images.times_s[-1] - images.times_s[0]
    assert took_s >= 0.9 * (FRAMES - 1) * STEP_S


def test_the_rate_slows_it_down_and_the_start_is_left_out(
    peer: Peer, bag: Path, start: Start
) -> None:
    images = Listener(peer, Image, IMAGE)
    start("play", bag, "--rate", 0.4, "--start", 0.25, "--topics", IMAGE, "--wait")
    images.wait(FRAMES - 3)
    assert images.numbers == list(range(3, FRAMES))
    took_s = images.times_s[-1] - images.times_s[0]
    assert took_s >= 0.9 * (FRAMES - 4) * STEP_S / 0.4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_loop_goes_on_until_it_is_interrupted(
    peer: Peer, bag: Path, start: Start, number: signal.Signals
) -> None:
    images = Listener(peer, Image, IMAGE)
    process = start("play", bag, "--loop", "--rate", 5, "--topics", IMAGE, "--wait")
    images.wait(2 * FRAMES + 1)
    assert images.numbers[: 2 * FRAMES] == [*range(FRAMES), *range(FRAMES)]
    assert process.stop(number) == 0, process.output
    assert "Traceback" not in process.output


def test_the_clock_tells_the_bags_time(peer: Peer, bag: Path, start: Start) -> None:
    clock_class = message_class("rosgraph_msgs/msg/Clock")
    if clock_class is None:
        pytest.skip("rosgraph_msgs is not installed")
    clock = Listener(peer, clock_class, "/clock")
    images = Listener(peer, Image, IMAGE)
    start("play", bag, "--clock", 50, "--rate", 0.5, "--topics", IMAGE, "--wait")
    images.wait(FRAMES)
    times = [m.clock.sec * 10**9 + m.clock.nanosec for m in clock.messages]
    assert times == sorted(times)
    assert times[0] >= START_NS
    assert times[-1] - times[0] >= 0.7e9 * (FRAMES - 1) * STEP_S
    assert times[-1] <= take(FRAMES).stamp_ns
    assert len(times) >= 10


def test_who_comes_late_still_gets_what_is_latched(peer: Peer, bag: Path, start: Start) -> None:
    kind = message_class(tf_message.KIND)
    if kind is None:
        pytest.skip("no class of TFMessage")
    images = Listener(peer, Image, IMAGE)
    start("play", bag, "--start", 0.05, "--loop", "--topics", IMAGE, "/tf_static")
    images.wait(1)
    received: list[bytes] = []
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    peer.ros.create_subscription(kind, "/tf_static", received.append, latched, raw=True)
    peer.wait(lambda: received, "the transform")
    (record,) = (each for each in reader.records(bag) if each.topic == "/tf_static")
    assert bytes(received[0]) == record.data


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "depth_ros: argument bag: nothing does not exist"),
        (["BAG", "--topics", "/none"], "has no topic /none, it has /camera/camera_info, "),
        (["BAG", "--start", "99"], "start is 99 s, expected at most the bag's "),
        (["BAG", "--rate", "0"], "--rate: '0' is not allowed, expected 0.001 to 1000"),
    ],
)
def test_what_cannot_be_played_is_said(
    bag: Path, start: Start, arguments: list[str], words: str
) -> None:
    process = start("play", *(str(bag) if word == "BAG" else word for word in arguments))
    assert process.wait() != 0
    assert words in process.output
    assert "Traceback" not in process.output


def test_a_missing_ros_is_one_line(
    bag: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("depth_ros.cli.ros_process.find_spec", lambda name: None)
    assert cli.main(["play", str(bag)]) == 1
    assert capsys.readouterr().err.startswith("depth_ros: rclpy cannot be found")


def test_the_recorded_quality_of_service_is_offered_again() -> None:
    best_effort = RELIABLE._replace(reliability=QosReliability.BEST_EFFORT, depth=50)
    offered = play.qos_profile("/image", [best_effort])
    assert offered.reliability is ReliabilityPolicy.BEST_EFFORT
    assert offered.depth == 50
    both = play.qos_profile("/image", [best_effort, LATCHED])
    assert both.reliability is ReliabilityPolicy.RELIABLE
    assert both.durability is DurabilityPolicy.TRANSIENT_LOCAL
    latched = RELIABLE._replace(durability=QosDurability.VOLATILE)
    assert play.qos_profile("/tf_static", [latched]).durability is DurabilityPolicy.VOLATILE


def test_without_a_recorded_quality_of_service_it_is_reliable() -> None:
    for topic, durability in (
        ("/image", DurabilityPolicy.VOLATILE),
        ("/tf_static", DurabilityPolicy.TRANSIENT_LOCAL),
    ):
        offered = play.qos_profile(topic, [])
        assert offered.reliability is ReliabilityPolicy.RELIABLE
        assert offered.durability is durability
        assert offered.depth == 10


def test_a_type_that_is_not_installed_is_left_out() -> None:
    assert message_class("sensor_msgs/msg/Image") is not None
    assert message_class("no_such_msgs/msg/Image") is None
    assert message_class("sensor_msgs/msg/NoSuchImage") is None


def test_pace_runs_at_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: now_s))
    running = Pace(START_NS, rate=4.0)
    assert running.left_s(START_NS + 10**9) == 0.25
    now_s += 0.5
    assert running.now_ns() == START_NS + 2 * 10**9
    assert running.left_s(START_NS) == -0.5


def test_a_converted_bag_plays_to_a_live_subscriber(
    peer: Peer, bag: Path, checkpoint: Path, tmp_path: Path, start: Start
) -> None:
    out = tmp_path / "converted"
    command = ["convert", str(bag), str(out), "--with", "points", "--set", f"model={checkpoint}"]
    assert cli.main(command) == 0
    depths = Listener(peer, Image, "/depth/image", reliability=ReliabilityPolicy.RELIABLE)
    clouds = Listener(peer, PointCloud2, "/points", reliability=ReliabilityPolicy.BEST_EFFORT)
    images = Listener(peer, Image, IMAGE, reliability=ReliabilityPolicy.RELIABLE)
    listened = ["/depth/image", "/points", IMAGE]
    start("play", out, "--wait", "--topics", *listened)
    for listener in (depths, images, clouds):
        listener.wait(FRAMES)
    written = [message for _, message in reader.messages(out, "/depth/image")]
    for number, (depth, cloud, image) in enumerate(
        zip(depths.messages, clouds.messages, images.messages, strict=True)
    ):
        assert stamp_of(depth) == stamp_of(cloud) == stamp_of(image) == take(number).stamp_ns
        assert depth.header.frame_id == cloud.header.frame_id == FRAME_ID
        assert bytes(depth.data) == written[number].data.tobytes()
        assert cloud.width > 100
