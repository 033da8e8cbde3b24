"""Topics recorded over real DDS, by a process as the command line starts it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from depth_ros import cli, messages
from depth_ros.bag import reader, writer
from depth_ros.ros import play, tf_message
from depth_ros.ros.message_class import message_class
from test.ros.conftest import START_NS, TIMEOUT_S, Peer, Process, stamp_of, take

Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a recorder by the command line, as a process."""
    started: list[Process] = []

    def start(*arguments: Any) -> Process:
        command = [sys.executable, "-m", "depth_ros.cli", "record", *map(str, arguments)]
        started.append(Process(command, tmp_path / "log"))
        return started[-1]

    yield start
    for process in started:
        process.close()


class Driver:
    """Publishes on a topic, to a recorder that listens."""

    def __init__(self, peer: Peer, kind: Any, topic: str, **qos: Any) -> None:
        self._peer = peer
        self.publisher = peer.ros.create_publisher(kind, topic, QoSProfile(depth=50, **qos))

    def send(self, *sent: Any) -> None:
        self._peer.wait(self.publisher.get_subscription_count, "the recorder")
        for message in sent:
            self.publisher.publish(message)

    def wait(self) -> None:
        """Wait until everything has come: DDS sends it again until then."""
        assert self.publisher.wait_for_all_acked(Duration(seconds=TIMEOUT_S)), "not all has come"


def stamps(bag: Path, topic: str) -> list[int]:
    return [stamp_of(message) for _, message in reader.messages(bag, topic)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_recording_has_what_came(
    peer: Peer, start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    images, infos = Driver(peer, Image, "/image"), Driver(peer, CameraInfo, "/camera_info")
    other = Driver(peer, Image, "/other")
    process = start(out, "--topics", "/image", "camera_info", "/never")
    images.send(*(take(index).image() for index in range(5)))
    infos.send(*(take(index).info() for index in range(3)))
    for driver in (images, infos):
        driver.wait()
    assert other.publisher.get_subscription_count() == 0
    assert process.stop(number) == 0, process.output
    assert "Traceback" not in process.output
    assert "8 messages" in process.output
    assert stamps(out, "/image") == [take(index).stamp_ns for index in range(5)]
    assert stamps(out, "/camera_info") == [take(index).stamp_ns for index in range(3)]
    (image, *_) = (message for _, message in reader.messages(out, "/image"))
    assert messages.rgb_from_image(image).tobytes() == take(0).rgb.tobytes()
    assert {record.topic for record in reader.records(out)} == {"/image", "/camera_info"}


def test_everything_is_recorded_but_what_is_hidden_and_topics_that_appear_later(
    peer: Peer, start: Start, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = start(out, "--all")
    images = Driver(peer, Image, "/image")
    images.send(take(0).image())
    hidden = Driver(peer, Image, "/camera/_hidden")
    # What drivers offer: best effort, and what is said once and kept for those who come later.
    best_effort = ReliabilityPolicy.BEST_EFFORT
    Driver(peer, Image, "/sensor", reliability=best_effort).send(take(1).image())
    latched = Driver(peer, String, "/said", durability=DurabilityPolicy.TRANSIENT_LOCAL)
    latched.publisher.publish(String(data="once"))
    latched.send()
    for driver in (images, latched):
        driver.wait()
    assert hidden.publisher.get_subscription_count() == 0
    assert process.stop(signal.SIGINT) == 0, process.output
    recorded = {record.topic for record in reader.records(out)}
    assert {"/image", "/said"} <= recorded
    assert "/camera/_hidden" not in recorded
    assert [message.data for _, message in reader.messages(out, "/said")] == ["once"]
    with reader.Recording(out) as recording:
        said, image = recording.topics["/said"], recording.topics["/image"]
        assert play.qos_profile("/said", said.qos).durability is DurabilityPolicy.TRANSIENT_LOCAL
        assert play.qos_profile("/image", image.qos).durability is DurabilityPolicy.VOLATILE
        if "/sensor" in recording.topics:
            sensor = play.qos_profile("/sensor", recording.topics["/sensor"].qos)
            assert sensor.reliability is best_effort


def test_a_recording_ends_by_itself(peer: Peer, start: Start, tmp_path: Path) -> None:
    said = Driver(peer, String, "/said", durability=DurabilityPolicy.TRANSIENT_LOCAL)
    said.publisher.publish(String(data="latched"))
    # DDS repeats every three seconds what is lost of its own, while processes find each other.
    process = start(tmp_path / "out", "--all", "--seconds", 8)
    assert process.wait() == 0, process.output
    assert [message.data for _, message in reader.messages(tmp_path / "out", "/said")]


def test_topics_that_nobody_publishes_are_named_and_nothing_is_a_failure(
    start: Start, tmp_path: Path
) -> None:
    process = start(tmp_path / "out", "--topics", "/nope", "camera/typo", "--seconds", 0.5)
    assert process.wait() == 1, process.output
    assert "warning: no publisher was seen on /camera/typo, /nope" in process.output
    assert "depth_ros: nothing was recorded" in process.output


def test_a_topic_without_a_message_is_named(peer: Peer, start: Start, tmp_path: Path) -> None:
    silent = Driver(peer, String, "/silent")
    process = start(tmp_path / "out", "--topics", "/silent")
    peer.wait(silent.publisher.get_subscription_count, "the recorder")
    assert process.stop(signal.SIGINT) == 1, process.output
    assert "warning: no message came on /silent" in process.output


def test_a_recording_does_not_overwrite(start: Start, tmp_path: Path) -> None:
    process = start(tmp_path, "--all")
    assert process.wait() == 2
    assert f"depth_ros: {tmp_path} already exists" in process.output


def test_what_to_record_must_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["record", str(tmp_path / "out")]) == 2
    assert "one of the arguments --topics --all is required" in capsys.readouterr().err


def test_tf_is_recorded_without_tf2(peer: Peer, start: Start, tmp_path: Path) -> None:
    kind = message_class(tf_message.KIND)
    if kind is None:
        pytest.skip("no class of TFMessage")
    sent = writer.static_transform("odom", "base", np.eye(4), START_NS)
    data = bytes(writer.TYPESTORE.serialize_cdr(sent, tf_message.KIND))
    latched = {"durability": DurabilityPolicy.TRANSIENT_LOCAL}
    moving, static = Driver(peer, kind, "/tf"), Driver(peer, kind, "/tf_static", **latched)
    process = start(tmp_path / "out", "--all")
    for driver in (moving, static):
        driver.send(data)
        driver.wait()
    assert process.stop(signal.SIGINT) == 0, process.output
    recorded = {(each.topic, each.kind, each.data) for each in reader.records(tmp_path / "out")}
    assert {(topic, tf_message.KIND, data) for topic in ("/tf", "/tf_static")} <= recorded
