"""The node on a real camera's bag."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from depth_ros import messages
from depth_ros.bag import reader
from test.ros.conftest import Bench, stamp_of

pytest.importorskip("rclpy")

from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage

IMAGE, INFO = "/camera/color/image_raw/compressed", "/camera/color/camera_info"
FRAMES, EVERY = 12, 10
OUTPUTS = ("depth/image", "depth/camera_info", "points")


class Moment(NamedTuple):
    info: Any
    image: Any


@pytest.fixture(scope="module")
def moments(living_room: Path) -> list[Moment]:
    """Every tenth frame of the bag, as rclpy's messages."""
    images: dict[int, Any] = {}
    infos: dict[int, Any] = {}
    for record in reader.records(living_room, (IMAGE, INFO)):
        if record.topic == IMAGE:
            image = deserialize_message(record.data, CompressedImage)
            images[stamp_of(image)] = image
        else:
            info = deserialize_message(record.data, CameraInfo)
            infos[stamp_of(info)] = info
    chosen = sorted(images.keys() & infos.keys())[::EVERY]
    assert len(chosen) == FRAMES
    return [Moment(infos[stamp], images[stamp]) for stamp in chosen]


def test_every_frame_that_is_waited_for_is_answered(bench: Bench, moments: list[Moment]) -> None:
    remaps = ("-r", f"image:={IMAGE}", "-r", f"camera_info:={INFO}")
    bench.start(*OUTPUTS, arguments=remaps, stride=4)
    for info, image in moments:
        bench.deliver(INFO, info, "camera_info")
        bench.deliver(IMAGE, image, "image")
        stamp = stamp_of(image)
        bench.peer.wait(lambda stamp=stamp: len(bench.peer.answers(stamp)) == len(OUTPUTS))  # type: ignore[misc]
        assert_right(bench.peer.answers(stamp), info, image)
    assert bench.total("answered") == FRAMES
    assert bench.total("dropped") == bench.total("replaced") == 0


def assert_right(answers: dict[str, Any], info: Any, image: Any) -> None:
    depth, depth_info, cloud = (answers[topic] for topic in OUTPUTS)
    for answer in (depth, depth_info, cloud):
        assert answer.header == image.header
        assert answer.header.frame_id == "camera_color_optical_frame"
    assert (depth.width, depth.height, depth.encoding, depth.step) == (640, 480, "32FC1", 2560)
    assert (depth_info.width, depth_info.height) == (640, 480)
    np.testing.assert_allclose(depth_info.k, info.k)
    assert_on_its_pixels(messages.points_from_cloud(cloud), depth, depth_info, image)


def assert_on_its_pixels(points: Any, depth: Any, info: Any, image: Any) -> None:
    metres = np.frombuffer(depth.data, "<f4").reshape(480, 640)
    rows, columns = np.nonzero(np.isfinite(metres[::4, ::4]))
    assert len(points.xyz) == rows.size > 10_000
    fx, _, cx, _, fy, cy = info.k[:6]
    x, y, z = points.xyz.T
    np.testing.assert_allclose(fx * x / z + cx, 4 * columns, atol=0.01)
    np.testing.assert_allclose(fy * y / z + cy, 4 * rows, atol=0.01)
    np.testing.assert_array_equal(z, metres[4 * rows, 4 * columns])
    bgr: Any = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(points.rgb, bgr[4 * rows, 4 * columns, ::-1])
