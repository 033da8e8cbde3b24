"""Playing a bag to a node and recording what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from depth_ros import messages
from depth_ros.bag import reader, writer
from test.ros.conftest import FRAME_ID, Bench, take

pytest.importorskip("rclpy")

import rclpy

from depth_ros.ros import replay

FRAMES = 10


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A camera's bag, 0.1 s from frame to frame."""
    with writer.BagWriter(tmp_path / "bag") as out:
        for number in range(FRAMES):
            shot = take(number)
            stamp = shot.stamp_ns
            out.write("/camera_info", writer.camera_info(shot.camera, stamp, FRAME_ID), stamp)
            out.write("/image", writer.image(shot.rgb, "rgb8", stamp, FRAME_ID), stamp)
    return tmp_path / "bag"


def test_a_recording_has_what_was_played_and_what_was_answered(
    bench: Bench, bag: Path, tmp_path: Path
) -> None:
    bench.start()
    out = tmp_path / "out" / "recording"
    out.parent.mkdir()
    assert replay.main([str(bag), str(out), "--image", "/image"]) == 0
    recorded: dict[str, list[int]] = {}
    for topic, message in reader.messages(out, "/image", "/depth/image", "/points"):
        recorded.setdefault(topic, []).append(messages.stamp_ns(message.header))
    stamps = [take(number).stamp_ns for number in range(FRAMES)]
    assert recorded["/image"] == stamps
    assert stamps[-1] in recorded["/depth/image"]
    assert {*recorded["/points"]} <= {*recorded["/depth/image"]} <= {*stamps}
    result = json.loads((out.parent / replay.RESULT).read_text())
    assert result["images"] == FRAMES
    assert len(result["latencies_s"]) == len(recorded["/depth/image"])
    assert all(0 < latency < 100 for latency in result["latencies_s"])


def test_a_replay_that_nobody_listens_to_fails(
    context: rclpy.Context,
    bag: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay, "_START_TIMEOUT_S", 0.2)
    assert replay.main([str(bag), str(tmp_path / "out"), "--image", "/image"]) == 1
    assert "no depth node listens to /image" in capsys.readouterr().err
    assert not rclpy.ok()


def test_a_bag_without_the_image_topic_is_named(
    context: rclpy.Context, bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay.main([str(bag), str(tmp_path / "out"), "--image", "/no/image"]) == 1
    assert f"{bag} has no topic /no/image" in capsys.readouterr().err
