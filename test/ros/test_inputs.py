"""How a camera's driver publishes is its own affair: what it sends arrives."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from depth_ros.bag.types import FOXGLOVE
from test.messages.videos import KEY_EVERY, packets
from test.ros.conftest import LOG, Bench, compressed, take

pytest.importorskip("rclpy")

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


@pytest.fixture
def stranger(context: rclpy.Context) -> Iterator[Any]:
    """A node of another participant: within one, DDS refuses a topic of two types."""
    other = rclpy.Context()
    rclpy.init(context=other)
    node = rclpy.create_node("stranger", context=other)
    yield node
    node.destroy_node()
    other.try_shutdown()


def remap(*names: str) -> tuple[str, ...]:
    return tuple(argument for name in names for argument in ("-r", name))


@pytest.mark.parametrize("before", [True, False], ids=["before the node", "after it"])
def test_a_camera_info_that_is_latched_and_sent_once_arrives(bench: Bench, before: bool) -> None:
    def latch() -> None:
        bench.peer.ros.create_publisher(CameraInfo, "camera_info", LATCHED).publish(take().info())

    if before:
        latch()
    bench.start("depth/image", "/diagnostics", stale_after_s=0.5)
    if not before:
        latch()
    bench.peer.wait(lambda: bench.total("camera_info"), "the latched camera_info")
    bench.deliver("image", take().image(), "image")
    bench.answers(take())

    def runs(status: Any) -> bool:
        bench.peer.publish("image", take().image())
        return bool(status.message == "running")

    # Longer than camera_info may be silent where it is not latched.
    bench.peer.wait(lambda: bench.node.health.silent_s("camera_info") > 1.0)
    assert bench.report(runs).level == DiagnosticStatus.OK


@pytest.mark.parametrize("before", [True, False], ids=["before the node", "after it"])
def test_compressed_images_come_on_topics_of_any_name(
    bench: Bench, stranger: Any, before: bool
) -> None:
    topic = "/camera/jpeg"
    if before:
        driver = stranger.create_publisher(CompressedImage, topic, 10)
        bench.peer.wait(lambda: bench.peer.ros.count_publishers(topic))
    bench.start("depth/image", arguments=remap(f"image:={topic}"))
    bench.deliver("/camera/camera_info", take().info(), "camera_info")
    if not before:
        driver = stranger.create_publisher(CompressedImage, topic, 10)
    bench.peer.wait(driver.get_subscription_count)
    driver.publish(compressed(take()))
    bench.answers(take())


@pytest.mark.parametrize("transport", ["raw", "compressed"])
def test_a_transport_that_is_forced_is_kept(bench: Bench, stranger: Any, transport: str) -> None:
    images = {"raw": take().image(), "compressed": compressed(take())}
    image = images.pop(transport)
    (other,) = images.values()
    stranger.create_publisher(type(other), "image", 10)
    bench.peer.wait(lambda: bench.peer.ros.count_publishers("image"))
    bench.start("depth/image", image_transport=transport)
    bench.deliver("camera_info", take().info(), "camera_info")
    bench.deliver("image", image, "image")
    bench.answers(take())


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (None, ["nothing is published on /image (sensor_msgs/msg/Image)"]),
        (Image, ["/image (sensor_msgs/msg/Image) is published, but nothing arrives"]),
        (PointCloud2, ["/image is published as sensor_msgs/msg/PointCloud2, expected"]),
        (
            CompressedImage,
            ["/image is published as sensor_msgs/msg/CompressedImage", "image.transport (raw)"],
        ),
    ],
    ids=["nothing", "silence", "a cloud", "compressed where raw is forced"],
)
def test_silence_is_told_with_topic_and_type(
    bench: Bench, stranger: Any, kind: Any, words: list[str]
) -> None:
    if kind is not None:
        stranger.create_publisher(kind, "image", 10)
        bench.peer.wait(lambda: bench.peer.ros.count_publishers("image"))
    bench.start(LOG, "/diagnostics", stale_after_s=1.0, image_transport="raw")
    bench.warning("no image: ", *words)
    bench.report(
        lambda status: (
            status.message.startswith("no image for")
            and all(word in status.message for word in words)
        )
    )


@pytest.mark.parametrize(
    ("remaps", "image", "info"),
    [
        ((), "/image", "/camera_info"),
        (("image:=/cam/image_raw",), "/cam/image_raw", "/cam/camera_info"),
        (("image:=/cam/image_raw/compressed",), "/cam/image_raw/compressed", "/cam/camera_info"),
        (("image:=/cam/rgb", "camera_info:=/cam/info"), "/cam/rgb", "/cam/info"),
        (("camera_info:=/cam/info",), "/image", "/cam/info"),
    ],
)
def test_camera_info_is_the_images_sibling_unless_it_is_remapped_itself(
    bench: Bench, remaps: tuple[str, ...], image: str, info: str
) -> None:
    node = bench.start(arguments=remap(*remaps))
    topics = {subscription.topic_name for subscription in node.subscriptions}
    assert topics & {"/image", "/camera_info", "/cam/camera_info", image, info} == {image, info}


def test_a_video_is_answered_from_a_key_frame_on(bench: Bench) -> None:
    shots = [take(number) for number in range(KEY_EVERY + 2)]
    film = packets([shot.rgb for shot in shots])
    topic = "image/compressed"
    bench.start("depth/image", arguments=remap(f"image:={topic}"), fov_deg=70.0)

    def send(number: int, data: bytes, event: str) -> None:
        packet = CompressedImage(header=shots[number].header(), format="h264")
        packet.data = array("B", data)
        bench.deliver(topic, packet, event)

    send(1, film[1], "dropped")
    assert "MessageError: packet of h264 contains no image" in bench.node.health.last_error
    for number in (KEY_EVERY, KEY_EVERY + 1):
        send(number, film[number], "answered")
        assert "depth/image" in bench.answers(shots[number])


def test_a_video_whose_messages_are_not_installed_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = SimpleNamespace(topic_type=FOXGLOVE, qos_profile=LATCHED)
    node = bench.start("depth/image", "/diagnostics", stale_after_s=0.1, fov_deg=70.0)
    monkeypatch.setattr(node, "get_publishers_info_by_topic", lambda topic: [published])
    told = bench.report(lambda status: "foxglove" in status.message).message
    assert "expected sensor_msgs/msg/Image; install foxglove_msgs" in told
