"""Recordings whose images are a video, of every type that robots record."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_ros.bag import reader
from depth_ros.bag.convert import convert
from depth_ros.bag.frames import spread
from depth_ros.bag.options import ConvertOptions
from depth_ros.bag.types import FFMPEG, FOXGLOVE, TYPESTORE
from depth_ros.errors import BagError
from depth_ros.messages import depth_from_image
from test.bag.recordings import (
    CAMERA,
    FRAME_ID,
    Message,
    drive,
    picture,
    pipeline,
    read,
    scene,
    write,
)
from test.messages.videos import KEY_EVERY, packets

COUNT = 10
TOPICS = {FFMPEG: "image/ffmpeg", FOXGLOVE: "image/foxglove", "CompressedImage": "video"}


def packet(kind: str, header: Any, number: int, data: bytes, codec: str) -> Any:
    pixels = np.frombuffer(data, np.uint8)
    if kind == FFMPEG:
        stored_as = f"{codec};yuv420p;bgr8;bgr8"
        size = (CAMERA.width, CAMERA.height)
        return TYPESTORE.types[FFMPEG](header, *size, stored_as, number, 0, False, pixels)
    if kind == FOXGLOVE:
        said = "h265" if codec == "hevc" else codec
        return TYPESTORE.types[FOXGLOVE](header.stamp, header.frame_id, pixels, said)
    return TYPESTORE.types["sensor_msgs/msg/CompressedImage"](header, codec, pixels)


def filmed(kind: str, codec: str = "h264", lost: range = range(0)) -> Iterator[Message]:
    """A drive() whose images are a video, without some of its packets."""
    film = packets([picture(scene(number)) for number in range(COUNT)], codec)
    number = 0
    for topic, message, time_ns in drive(COUNT):
        if topic != "/camera/image":
            yield topic, message, time_ns
            continue
        if number not in lost:
            said = packet(kind, message.header, number, film[number], codec)
            yield f"/camera/{TOPICS[kind]}", said, time_ns
        number += 1


def assert_depths(path: Path, numbers: list[int]) -> None:
    found = [depth_from_image(message) for message in read(path, "/depth/image")]
    assert len(found) == len(numbers)
    for number, depth_m in zip(numbers, found, strict=True):
        assert np.abs(depth_m - scene(number)).mean() < 0.05, number


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("kind", TOPICS)
def test_every_frame_of_a_video_is_answered(kind: str, codec: str, tmp_path: Path) -> None:
    source = write(tmp_path / "in", filmed(kind, codec))
    summary = convert([source], tmp_path / "out", pipeline(), ConvertOptions(batch=3))
    assert summary.answered == {"camera": COUNT}
    assert_depths(tmp_path / "out", list(range(COUNT)))
    headers = [message.header for message in read(tmp_path / "out", "/depth/image")]
    assert {header.frame_id for header in headers} == {FRAME_ID}


def test_only_some_frames_of_a_video_need_all_of_them(tmp_path: Path) -> None:
    source = write(tmp_path / "in", filmed(FFMPEG))
    convert([source], tmp_path / "out", pipeline(), ConvertOptions(every=3))
    assert_depths(tmp_path / "out", [0, 3, 6, 9])
    frames = spread(source, 4)
    expected = [picture(scene(number)) for number in (0, 3, 6, 9)]
    for frame, rgb in zip(frames, expected, strict=True):
        assert np.abs(frame.rgb.astype(int) - rgb).mean() < 4


def test_a_video_that_begins_without_a_key_frame_loses_what_comes_before_one(
    tmp_path: Path,
) -> None:
    source = write(tmp_path / "in", filmed(FOXGLOVE, lost=range(1)))
    summary = convert([source], tmp_path / "out", pipeline())
    assert summary.skipped == {"MessageError": KEY_EVERY - 1}
    assert "contains no image" in summary.examples["MessageError"]
    assert_depths(tmp_path / "out", list(range(KEY_EVERY, COUNT)))


def test_an_interrupted_conversion_of_a_video_goes_on(tmp_path: Path) -> None:
    source = write(tmp_path / "in", filmed(FFMPEG))
    whole, out = tmp_path / "whole", tmp_path / "out"
    convert([source], whole, pipeline())

    class Interrupt:
        def __init__(self) -> None:
            self.seen = 0

        def add(self, *frame: Any) -> None:
            self.seen += 1
            if self.seen > COUNT // 2:
                raise KeyboardInterrupt

        def close(self) -> None:
            pass

    with pytest.raises(KeyboardInterrupt):
        convert([source], out, pipeline(), ConvertOptions(split=2), [Interrupt()])
    convert([source], out, pipeline(), ConvertOptions(split=2, resume=True))
    assert list(reader.records(out)) == list(reader.records(whole))


def test_without_pyav_the_bag_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "in", filmed(FOXGLOVE))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BagError, match=r"/camera/image/foxglove: .*pip install av"):
        convert([source], tmp_path / "out", pipeline())


def test_a_video_is_copied_byte_for_byte(tmp_path: Path) -> None:
    source = write(tmp_path / "in", filmed(FFMPEG))
    convert([source], tmp_path / "out", pipeline())
    topics = ("/camera/image/ffmpeg",)
    assert list(reader.records(tmp_path / "out", topics)) == list(reader.records(source, topics))
