"""Nothing that comes ends the node: it drops, counts, warns, and answers the next good frame."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from depth_ros.errors import ModelError
from test.ros.conftest import CAMERA, LENS, START_NS, Bench, Shot, compressed, stamp_of, take

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.publisher import Publisher

COMPRESSED = ("-r", "image:=image/compressed")


def changed(**fields: Any) -> Any:
    """An image message with fields that do not fit."""
    message = take().image()
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def file(data: bytes, format: str = "rgb8; jpeg compressed bgr8") -> Any:
    message = compressed(take())
    message.data, message.format = array("B", data), format
    return message


def assert_dropped(bench: Bench, topic: str, message: Any, *words: str) -> None:
    """A message is dropped, counted and warned of, and the next good frame is answered."""
    dropped = bench.total("dropped")
    bench.deliver(topic, message, "image")
    bench.peer.wait(lambda: bench.total("dropped") == dropped + 1, "the count of the drop")
    bench.warning(f"/{topic}", *words)
    assert all(word in bench.node.health.last_error for word in words)


def assert_answers(bench: Bench, number: int = 1) -> None:
    shot = take(number)
    assert bench.ask(shot)["depth/image"].header.frame_id == shot.frame_id


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (lambda: changed(data=array("B", b"\0" * 100)), ["80x60 rgb8", "100 bytes"]),
        (lambda: changed(data=array("B")), ["80x60 rgb8", "0 bytes"]),
        (lambda: changed(height=61), ["80x61", "61 rows"]),
        (lambda: changed(width=0, height=0, step=0, data=array("B")), ["0x0", "positive"]),
        (lambda: changed(step=239), ["step is 239"]),
        (lambda: changed(height=2**32 - 1, width=2**32 - 1), ["4294967295"]),
        (lambda: changed(encoding="rgb7"), ["encoding is 'rgb7'"]),
        (lambda: changed(encoding=""), ["encoding is ''"]),
        (lambda: changed(encoding="32FC1"), ["encoding is '32FC1'"]),
        (lambda: changed(encoding="rgba8"), ["step is 240"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_malformed_image_is_dropped(
    bench: Bench, image: Callable[[], Any], words: list[str]
) -> None:
    bench.start("depth/image", "/rosout")
    bench.deliver("camera_info", take().info(), "camera_info")
    assert_dropped(bench, "image", image(), "MessageError", *words)
    assert_answers(bench)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (lambda: file(b""), ["0 bytes"]),
        (lambda: file(b"no image at all"), ["15 bytes"]),
        (lambda: file(bytes(compressed(take(), ".jpg").data[:60])), ["60 bytes"]),
        (lambda: file(bytes(compressed(take()).data[:60])), ["60 bytes"]),
        (lambda: file(bytes(compressed(take()).data), "32FC1; compressedDepth"), ["depth image"]),
    ],
    ids=["empty", "no image", "jpeg's begin", "png's begin", "depth"],
)
def test_a_damaged_file_is_dropped(
    bench: Bench, image: Callable[[], Any], words: list[str]
) -> None:
    bench.start("depth/image", "/rosout", arguments=COMPRESSED)
    bench.deliver("camera_info", take().info(), "camera_info")
    assert_dropped(bench, "image/compressed", image(), "MessageError", *words)
    bench.deliver("image/compressed", compressed(take(1)), "image")
    bench.answers(take(1))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_file_that_ends_early_does_not_end_the_node(bench: Bench, suffix: str) -> None:
    bench.start("depth/image", arguments=COMPRESSED)
    bench.deliver("camera_info", take().info(), "camera_info")
    data = bytes(compressed(take(), suffix).data)
    for share in (0.2, 0.5, 0.9):
        bench.deliver("image/compressed", file(data[: int(share * len(data))]), "image")
    bench.deliver("image/compressed", compressed(take(1), suffix), "image")
    bench.answers(take(1))
    # Newer images may have replaced the first two, but none was answered.
    assert bench.total("dropped") + bench.total("replaced") == 3
    assert not bench.node.health.model_failed


def test_a_file_that_says_another_size_than_its_camera_is_not_decoded(bench: Bench) -> None:
    bench.start("depth/image", "/rosout", arguments=COMPRESSED)
    bench.deliver("camera_info", take().info(), "camera_info")
    data = bytearray(compressed(take(), ".jpg").data)
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = (6000).to_bytes(2, "big") * 2
    assert_dropped(
        bench, "image/compressed", file(bytes(data)), "CameraError", "6000x6000", "80x60"
    )
    bench.deliver("image/compressed", compressed(take(1)), "image")


@pytest.mark.parametrize(
    ("sec", "nanosec"), [(1, 10**9), (1, 2**32 - 1), (2**31 - 1, 0), (-1, 0), (-(2**31), 5)]
)
def test_a_stamp_that_is_no_time_is_refused(bench: Bench, sec: int, nanosec: int) -> None:
    bench.start("depth/image", "/rosout")
    bench.deliver("camera_info", take().info(), "camera_info")
    image = take().image()
    image.header.stamp.sec, image.header.stamp.nanosec = sec, nanosec
    assert_dropped(bench, "image", image, "MessageError", f"stamp is sec {sec}, nanosec {nanosec}")
    assert_answers(bench)


def test_what_cannot_be_answered_does_not_replace_what_can(bench: Bench) -> None:
    bench.start("depth/image")
    bench.gate.close()
    bench.show(take(0))
    bench.peer.wait(bench.gate.entered.is_set, "the first frame's inference")
    bench.deliver("image", take(1).image(), "image")
    bad = [
        changed(data=array("B", b"\0" * 100)),
        changed(step=239),
        changed(encoding="rgb7"),
        take(camera=CAMERA.scale(96, 64)).image(),  # no camera_info describes it
        changed(encoding="16UC1"),
    ]
    for image in bad:
        bench.deliver("image", image, "image")
    assert (bench.total("dropped"), bench.total("replaced")) == (len(bad), 0)
    bench.gate.open()
    bench.answers(take(1))


def test_a_compressed_image_without_data_does_not_replace_one_with_it(bench: Bench) -> None:
    bench.start("depth/image", arguments=COMPRESSED)
    bench.deliver("camera_info", take().info(), "camera_info")
    bench.gate.close()
    bench.deliver("image/compressed", compressed(take(0)), "image")
    bench.peer.wait(bench.gate.entered.is_set, "the first frame's inference")
    bench.deliver("image/compressed", compressed(take(1)), "image")
    bench.deliver("image/compressed", file(b""), "image")
    bench.deliver("image/compressed", file(b"any", "16UC1; compressedDepth"), "image")
    assert (bench.total("dropped"), bench.total("replaced")) == (2, 0)
    bench.gate.open()
    bench.answers(take(1))


def cut(suffix: str) -> Any:
    """A file without its last byte."""
    return file(bytes(compressed(take(), suffix).data[:-1]))


@pytest.mark.parametrize(
    ("topic", "good", "broken"),
    [
        ("image", lambda shot: shot.image(), lambda: changed(data=array("B", b"\0" * 100))),
        ("image", lambda shot: shot.image(), lambda: changed(encoding="rgb7")),
        ("image/compressed", compressed, lambda: file(b"no image at all")),
        ("image/compressed", compressed, partial(cut, ".jpg")),
        ("image/compressed", compressed, partial(cut, ".png")),
    ],
    ids=["few data", "encoding", "no file", "cut JPEG", "cut PNG"],
)
def test_beside_many_broken_images_every_good_one_is_answered(
    bench: Bench, topic: str, good: Callable[[Shot], Any], broken: Callable[[], Any]
) -> None:
    bench.start("depth/image", fov_deg=60.0, arguments=("-r", f"image:={topic}"))
    image = broken()
    for number in range(20):
        for _ in range(15):
            bench.peer.publish(topic, image)
        bench.peer.publish(topic, good(take(number)))
        for _ in range(10):  # more than a usual queue has room for
            bench.peer.publish(topic, image)
        bench.answers(take(number))
    bench.peer.wait(lambda: bench.total("dropped") == 500)
    bench.peer.wait(lambda: bench.total("answered") == 20)
    assert (bench.total("replaced"), bench.total("lost")) == (0, 0)


def lossy() -> Any:
    """A JPEG that lost a packet: its begin and its end are intact."""
    data = bytes(compressed(take(), ".jpg").data)
    middle = len(data) // 2
    return file(data[:middle] + data[middle + 1000 :])


def test_an_image_damaged_in_its_middle_does_not_cost_the_valid_one_before_it(
    bench: Bench,
) -> None:
    bench.start("depth/image", arguments=COMPRESSED)
    bench.deliver("camera_info", take().info(), "camera_info")
    bench.gate.close()
    bench.deliver("image/compressed", compressed(take(0), ".jpg"), "image")
    bench.peer.wait(bench.gate.entered.is_set, "the first frame's inference")
    for number in (1, 2):
        bench.deliver("image/compressed", compressed(take(number), ".jpg"), "image")
    for _ in range(3):
        bench.deliver("image/compressed", lossy(), "image")
    assert (bench.total("dropped"), bench.total("replaced")) == (0, 0)
    bench.gate.open()
    bench.answers(take(2))
    bench.peer.wait(lambda: bench.total("answered") == 2)
    assert (bench.total("dropped"), bench.total("replaced")) == (3, 1)
    stamps = [stamp_of(depth) for depth in bench.peer.received["depth/image"]]
    assert stamps == [take(0).stamp_ns, take(2).stamp_ns]


def test_only_some_of_the_images_that_may_be_needed_are_kept(bench: Bench) -> None:
    bench.start("depth/image", arguments=COMPRESSED)
    bench.deliver("camera_info", take().info(), "camera_info")
    bench.gate.close()
    bench.deliver("image/compressed", compressed(take(0)), "image")
    bench.peer.wait(bench.gate.entered.is_set, "the first frame's inference")
    for number in range(1, 21):
        bench.deliver("image/compressed", compressed(take(number)), "image")
    assert bench.total("replaced") == 20 - 17
    bench.gate.open()
    bench.answers(take(20))
    bench.peer.wait(lambda: bench.total("replaced") == 19)


def test_images_before_the_first_camera_info_are_dropped(bench: Bench) -> None:
    bench.start("depth/image", "/rosout")
    assert_dropped(
        bench, "image", take().image(), "CameraError", "no usable camera_info", "/camera_info"
    )
    assert_answers(bench)


def test_an_image_of_another_size_than_its_camera_is_dropped(bench: Bench) -> None:
    bench.start("depth/image", "/rosout")
    bench.deliver("camera_info", take().info(), "camera_info")
    other = take(camera=CAMERA.scale(96, 64))
    assert_dropped(
        bench, "image", other.image(), "CameraError", "image is 96x64", "describes 80x60"
    )
    assert_answers(bench)
    assert bench.ask(replace(other, stamp_ns=START_NS + 7))["depth/image"].width == 96


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"k": [0.0] * 9}, ["all-zero k", "calibrate"]),
        ({"width": 0}, ["size 0x60"]),
        ({"k": [float("nan")] * 9}, ["nan"]),
        ({"distortion_model": "scaramuzza", "d": [1.0]}, ["'scaramuzza'"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else ",".join(value),
)
def test_a_camera_info_that_cannot_be_used_is_named(
    bench: Bench, fields: dict[str, Any], words: list[str]
) -> None:
    bench.start("depth/image", "/rosout")
    info = take().info()
    for name, value in fields.items():
        setattr(info, name, value)
    bench.deliver("camera_info", info, "camera_info")
    bench.warning("/camera_info", "CameraError", *words)
    assert_dropped(bench, "image", take().image(), "no usable camera_info")
    assert_answers(bench)


def test_a_camera_info_without_a_size_is_of_the_images_that_come(bench: Bench) -> None:
    bench.start("depth/image", "depth/camera_info")
    info = take().info()
    info.width = info.height = 0
    bench.deliver("camera_info", info, "camera_info")
    bench.deliver("image", take().image(), "image")
    answers = bench.answers(take())
    assert (answers["depth/camera_info"].width, answers["depth/camera_info"].height) == (80, 60)


def test_a_calibration_that_most_pixels_have_no_ray_by_is_warned_of(bench: Bench) -> None:
    bench.start("depth/image", "/rosout", "/diagnostics", stale_after_s=1000.0)
    bench.ask(take(camera=replace(LENS, coefficients=(-3.0, 0.0, 0.0, 0.0, 0.0))))
    bench.warning("/camera_info", "% of the pixels have no ray")
    status = bench.report(lambda status: "have no ray" in status.message)
    assert status.level == DiagnosticStatus.WARN
    said = {pair.key: pair.value for pair in status.values}
    assert 20 < int(said["pixels without a ray [%]"]) <= 100
    bench.ask(take(1))
    bench.report(lambda status: status.message == "running")


def test_what_a_virtual_pinhole_does_not_see_of_a_fisheye_is_logged(bench: Bench) -> None:
    bench.start("depth/image", "/rosout")
    fisheye = replace(CAMERA, fx=28.0, fy=28.0, lens="equidistant", coefficients=(0.0,) * 4)
    depth = bench.ask(take(camera=fisheye))["depth/image"]
    unseen = np.isnan(np.frombuffer(depth.data, "<f4")).mean()
    assert unseen > 0.2
    bench.said(f"outside of it {unseen:.0%} of the pixels have no depth (undistort)")


def test_a_new_calibration_counts_from_the_next_frame(bench: Bench) -> None:
    bench.start("depth/camera_info")
    assert bench.ask(take(0))["depth/camera_info"].k[0] == 70
    recalibrated = take(1, replace(CAMERA, fx=90.0))
    assert bench.ask(recalibrated)["depth/camera_info"].k[0] == 90


def test_the_frame_decides_between_cameras_of_one_size(bench: Bench) -> None:
    bench.start("depth/camera_info")
    left, right = take(0), replace(take(1, replace(CAMERA, fx=90.0)), frame_id="right")
    for shot in (left, right):
        bench.deliver("camera_info", shot.info(), "camera_info")
    bench.deliver("image", left.image(), "image")
    assert bench.answers(left)["depth/camera_info"].k[0] == 70
    bench.deliver("image", right.image(), "image")
    assert bench.answers(right)["depth/camera_info"].k[0] == 90
    # Neither's frame: what was heard of last.
    bench.deliver("camera_info", left.info(), "camera_info")
    other = replace(take(2), frame_id="other")
    bench.deliver("image", other.image(), "image")
    assert bench.answers(other)["depth/camera_info"].k[0] == 70


def test_any_number_of_resolutions_may_come_and_come_back(bench: Bench) -> None:
    bench.start("depth/image")
    for number in range(12):
        width = 48 + 4 * (number % 10)
        assert bench.ask(take(number, CAMERA.scale(width, 40)))["depth/image"].width == width


def test_time_may_jump_back_as_in_a_bag_that_loops(bench: Bench) -> None:
    bench.start("depth/image")
    for number in (8, 9, 0, 1):
        bench.ask(take(number))
    stamps = [stamp_of(depth) for depth in bench.peer.received["depth/image"]]
    assert stamps == [take(number).stamp_ns for number in (8, 9, 0, 1)]
    assert bench.total("dropped") == 0


@pytest.mark.parametrize(
    "failure", [RuntimeError("out of memory"), ModelError("no metres"), MemoryError(), KeyError(3)]
)
def test_a_model_that_fails_may_recover(bench: Bench, failure: Exception) -> None:
    bench.start("depth/image", "/rosout")
    assert_answers(bench, 0)
    bench.gate.failure = failure
    bench.show(take(1))
    bench.warning("/image", type(failure).__name__, str(failure))
    bench.peer.wait(lambda: bench.total("dropped") == 1)
    assert bench.node.health.model_failed
    bench.gate.failure = None
    assert_answers(bench, 2)
    bench.peer.wait(lambda: not bench.node.health.model_failed)  # after the last output


def test_a_publisher_that_fails_does_not_end_the_node(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = bench.start("depth/image", "/rosout")
    publish = Publisher.publish

    def fail(publisher: Any, message: Any) -> None:
        if publisher.topic_name == node.resolve_topic_name("depth/image"):
            raise RuntimeError("no more shared memory")
        publish(publisher, message)

    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "publish", fail)
        bench.show(take(0))
        bench.warning("/image", "no more shared memory")
    assert_answers(bench)


def test_noise_for_an_image_is_answered(bench: Bench) -> None:
    bench.start("depth/image", "points", "depth/color")
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    for number, rgb in enumerate((noise, np.zeros_like(noise), np.full_like(noise, 255))):
        bench.ask(replace(take(number), rgb=rgb))


def test_warnings_of_one_kind_are_throttled_and_do_not_hide_another(bench: Bench) -> None:
    bench.start("depth/image", "/rosout")
    for number in range(5):
        assert bench.total("dropped") == number
        bench.deliver("image", take(number).image(), "image")
        bench.peer.wait(lambda number=number: bench.total("dropped") == number + 1)  # type: ignore[misc]
    bench.deliver("image", changed(encoding="rgb7"), "image")
    bench.warning("/image", "'rgb7'")
    warnings = [log.msg for log in bench.peer.received["/rosout"] if "no usable" in log.msg]
    assert len(warnings) == 1


def test_a_model_of_whole_recordings_is_refused_with_the_alternatives(bench: Bench) -> None:
    node = bench.start(model="depthcrafter")
    assert node.health.model_failed
    assert "needs a whole recording: depth_ros convert" in node.health.last_error
    assert "depth-anything-v2-small" in node.health.last_error
