"""Packets of video to images: at once, from a key frame on, and none that is damaged."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from depth_ros.errors import MessageError
from depth_ros.messages import VideoDecoder, codec_of, header_of, rgb_from_compressed
from test.messages.makers import plain
from test.messages.videos import KEY_EVERY, packets

COUNT = 10


def pictures() -> list[npt.NDArray[np.uint8]]:
    """Slopes of grey that move on."""
    slope = np.add.outer(np.arange(48), np.arange(64))
    return [np.repeat((slope + 8 * i)[..., None], 3, -1).astype(np.uint8) for i in range(COUNT)]


def message(data: bytes, codec: str = "h264") -> Any:
    return plain("CompressedImage", format=codec, data=data)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_every_packet_gives_its_image(codec: str) -> None:
    decoder = VideoDecoder()
    for rgb, packet in zip(pictures(), packets(pictures(), codec), strict=True):
        found = decoder.decode(message(packet, codec))
        assert found.shape == rgb.shape
        assert np.abs(found.astype(int) - rgb).mean() < 4


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_frames_before_a_key_frame_are_refused(codec: str) -> None:
    decoder = VideoDecoder()
    outcomes = [outcome(decoder, message(each, codec)) for each in packets(pictures(), codec)[1:]]
    awaited = KEY_EVERY - 1
    assert outcomes == [False] * awaited + [True] * (COUNT - 1 - awaited)


def test_damage_costs_the_frames_up_to_the_next_key_frame() -> None:
    outcomes, decoder = [], VideoDecoder()
    for number, packet in enumerate(packets(pictures())):
        cut = packet[: len(packet) // 3] if number == KEY_EVERY + 1 else packet
        outcomes.append(outcome(decoder, message(cut)))
    lost = range(KEY_EVERY + 1, 2 * KEY_EVERY)
    assert outcomes == [number not in lost for number in range(COUNT)]


def outcome(decoder: VideoDecoder, msg: Any) -> bool:
    try:
        decoder.decode(msg)
    except MessageError as error:
        assert "contains no image" in str(error)
        return False
    return True


def test_b_frames_are_refused_rather_than_shown_at_the_wrong_time() -> None:
    decoder = VideoDecoder()
    with pytest.raises(MessageError, match=r"without B-frames|a key frame must come first"):
        for packet in packets(pictures(), b_frames=2):
            decoder.decode(message(packet))


def test_a_larger_image_than_allowed_is_not_decoded() -> None:
    with pytest.raises(MessageError):
        VideoDecoder(max_pixels=1000).decode(message(packets(pictures())[0]))


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\0\1" * 20, b"\0\0\0\1\x67" + bytes(range(40))])
def test_a_message_that_is_not_video_is_an_error(data: bytes) -> None:
    pytest.importorskip("av")
    with pytest.raises(MessageError, match="contains no image"):
        VideoDecoder().decode(message(data))


@pytest.mark.parametrize(
    ("msg", "codec"),
    [
        (plain("FFMPEGPacket", encoding="h264;yuv420p;bgr8;bgr8", pts=3, data=b""), "h264"),
        (plain("FFMPEGPacket", encoding="hevc_nvenc", pts=3, data=b""), "hevc"),
        (plain("CompressedVideo", format="h265", data=b""), "hevc"),
        (plain("CompressedImage", format="h264", data=b""), "h264"),
        (plain("CompressedImage", format="rgb8; jpeg compressed bgr8", data=b""), None),
        (plain("Image", encoding="rgb8", data=b""), None),
    ],
)
def test_the_codec_is_read_from_the_message(msg: Any, codec: str | None) -> None:
    assert codec_of(msg) == codec


def test_a_header_is_made_from_a_messages_own_fields() -> None:
    stamp = plain("Time", sec=1, nanosec=2)
    found = header_of(plain("CompressedVideo", timestamp=stamp, frame_id="eye"))
    assert (found.stamp, found.frame_id) == (stamp, "eye")


def test_without_pyav_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MessageError, match=r"pip install av"):
        VideoDecoder().decode(message(b"any"))


def test_a_packet_without_the_ones_before_contains_no_image() -> None:
    with pytest.raises(MessageError, match=r"format is 'h264', a video"):
        rgb_from_compressed(message(b"\0\0\0\1" * 20))
