"""The Fast DDS profile that keeps big messages in shared memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from depth_ros import share, transport
from test.ros.conftest import LOG, Bench, Peer, Process

pytest.importorskip("rclpy")

from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

SIZE = 4_900_000  # a cloud of 640x480 points
IMAGES = 20
CAMERA = [sys.executable, str(Path(__file__).with_name("big_camera.py")), str(SIZE)]
PROFILE = share.find("config/fastdds.xml")


def test_the_profile_is_offered_where_the_user_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTRTPS_DEFAULT_PROFILES_FILE", raising=False)
    ours = {"FASTRTPS_DEFAULT_PROFILES_FILE": str(PROFILE)}
    assert transport.environment() == ours
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "")
    assert transport.environment() == ours


def test_a_profile_of_the_users_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "/home/me/profile.xml")
    assert transport.environment() == {}


def test_publication_is_asynchronous_unless_the_user_says_how(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(transport.MODE, raising=False)
    assert transport.asynchronous() == {"RMW_FASTRTPS_PUBLICATION_MODE": "ASYNCHRONOUS"}
    monkeypatch.setenv(transport.MODE, "AUTO")
    assert transport.asynchronous() == {}


@pytest.mark.parametrize(("cuda", "expected"), [(True, "ASYNCHRONOUS"), (False, None)])
def test_only_beside_a_gpu_the_node_publishes_asynchronously(
    main: Callable[[list[str]], int],
    monkeypatch: pytest.MonkeyPatch,
    cuda: bool,
    expected: str | None,
) -> None:
    monkeypatch.setenv(transport.MODE, "")
    monkeypatch.delenv(transport.MODE)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    assert main(["--ros-args", "-p", "model:=no-such-model", "-p", "device:=cpu"]) == 1
    assert os.environ.get(transport.MODE) == expected


def test_big_messages_arrive_at_best_effort(peer: Peer, tmp_path: Path) -> None:
    arrived: list[int] = []

    def count(message: Image) -> None:
        assert len(message.data) == SIZE
        arrived.append(message.header.stamp.sec)

    # Room for all: a test that is slow to take them must not lose any.
    qos = QoSProfile(depth=2 * IMAGES, reliability=ReliabilityPolicy.BEST_EFFORT)
    subscription = peer.ros.create_subscription(Image, "big", count, qos)
    process = Process(CAMERA, tmp_path / "log", FASTRTPS_DEFAULT_PROFILES_FILE=str(PROFILE))

    def well() -> bool:
        """Return whether of the last images three in four came."""
        return len([number for number in arrived if number > arrived[-1] - IMAGES]) >= 0.75 * IMAGES

    try:
        # Without the profile a tenth arrives; with it a machine that is busy may lose some.
        peer.wait(well, f"three in four of {IMAGES} images")
    finally:
        process.close()
        peer.ros.destroy_subscription(subscription)
    assert "XML" not in process.output and "rror" not in process.output


def test_a_profile_that_is_not_valid_would_be_noticed(peer: Peer, tmp_path: Path) -> None:
    broken = tmp_path / "broken.xml"
    broken.write_text(PROFILE.read_text().replace("segment_size>", "segment_length>"))
    process = Process(CAMERA, tmp_path / "log", FASTRTPS_DEFAULT_PROFILES_FILE=str(broken))
    try:
        peer.wait(lambda: "XML" in process.output, "an error of Fast DDS")
    finally:
        process.close()


@pytest.mark.parametrize("reliable", [True, False])
def test_images_that_are_lost_on_their_way_are_asked_for_again_or_warned_of(
    bench: Bench, tmp_path: Path, reliable: bool
) -> None:
    bench.peer.listen(LOG)
    node = bench.start(arguments=("-r", "image:=big"), fov_deg=70.0)

    def is_reliable() -> bool:
        ends = node.get_subscriptions_info_by_topic("/big")
        return [end.qos_profile.reliability for end in ends] == [ReliabilityPolicy.RELIABLE]

    assert not is_reliable()
    command = [*CAMERA, "reliable"] if reliable else CAMERA
    process = Process(command, tmp_path / "log", FASTRTPS_DEFAULT_PROFILES_FILE="")
    try:
        bench.peer.wait(lambda: bench.total("lost") > 0, "images that are lost, counted")
        if not reliable:
            bench.warning("/big: images are lost over DDS", "FASTRTPS_DEFAULT_PROFILES_FILE")
            return
        bench.peer.wait(is_reliable, "a reliable subscription")
        before = bench.total("image")
        bench.peer.wait(lambda: bench.total("image") > before + 5, "images")
    finally:
        process.close()
