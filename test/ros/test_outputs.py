"""What the node publishes: stamps, sizes, depth, camera_info, colours and points."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from torch import Tensor

from depth_ros.geometry.camera import Camera
from depth_ros.messages import points_from_cloud
from test.ros.conftest import (
    CAMERA,
    FRAME_ID,
    LENS,
    Bench,
    Bytes,
    Metres,
    Reference,
    Shot,
    compressed,
    stamp_of,
    take,
)

pytest.importorskip("rclpy")

from rclpy.publisher import Publisher
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from depth_ros.ros.publishers import Outputs

OUTPUTS = ("depth/image", "depth/camera_info", "depth/color", "points")


def metres(image: Any) -> Metres:
    values = np.frombuffer(image.data, "<f4").reshape(image.height, image.width)
    return np.array(values)


def pixels_of(xyz: npt.NDArray[Any], info: Any) -> npt.NDArray[np.float64]:
    """Where a camera_info sees points (N, 3), by OpenCV: (N, 2)."""
    k, d = np.reshape(info.k, (3, 3)), np.array(info.d)
    seen = cv2.projectPoints(xyz[:, None].astype(np.float64), np.zeros(3), np.zeros(3), k, d)[0]
    return np.reshape(seen, (-1, 2))


def test_every_output_has_the_images_stamp_and_frame(bench: Bench) -> None:
    bench.start(*OUTPUTS)
    for shot in (take(0), replace(take(1), frame_id="another_frame")):
        answers = bench.ask(shot)
        assert answers.keys() == set(OUTPUTS)
        for answer in answers.values():
            assert answer.header.frame_id == shot.frame_id
            assert stamp_of(answer) == shot.stamp_ns


def test_depth_is_the_pipelines_at_the_images_size(
    bench: Bench, reference: Reference, limits: dict[str, Any]
) -> None:
    bench.start("depth/image", **limits)
    depth = bench.ask(take())["depth/image"]
    assert (depth.encoding, depth.width, depth.height) == ("32FC1", 80, 60)
    assert (depth.step, depth.is_bigendian, len(depth.data)) == (320, 0, 320 * 60)
    expected = reference(take(), **limits)
    for kind in (np.isnan, np.isposinf, np.isfinite):
        assert kind(expected).sum() > 500
    np.testing.assert_allclose(metres(depth), expected, rtol=1e-4)


def test_depth_in_millimetres_has_zero_where_there_is_no_distance(
    bench: Bench, reference: Reference, limits: dict[str, Any]
) -> None:
    bench.start("depth/image", depth_encoding="16UC1", **limits)
    depth = bench.ask(take())["depth/image"]
    assert (depth.encoding, depth.step, depth.is_bigendian) == ("16UC1", 160, 0)
    millimetres = np.frombuffer(depth.data, "<u2").reshape(60, 80)
    expected = reference(take(), **limits)
    valid = np.isfinite(expected)
    np.testing.assert_allclose(millimetres[valid], 1000 * expected[valid], atol=1)
    assert (millimetres[~valid] == 0).all()


def test_the_depths_camera_info_describes_the_depth(bench: Bench) -> None:
    bench.start("depth/camera_info")
    info = bench.ask(take(camera=LENS))["depth/camera_info"]
    assert (info.width, info.height, info.distortion_model) == (80, 60, "plumb_bob")
    np.testing.assert_allclose(info.k, [70, 0, 37.5, 0, 73, 31.25, 0, 0, 1])
    np.testing.assert_allclose(info.p, [70, 0, 37.5, 0, 0, 73, 31.25, 0, 0, 0, 1, 0])
    np.testing.assert_allclose(info.d, LENS.coefficients)


def test_camera_info_is_published_before_what_it_describes(bench: Bench) -> None:
    bench.start()
    sent_ns: dict[str, int] = {}
    kinds = {"depth/camera_info": CameraInfo, "depth/image": Image, "points": PointCloud2}
    for topic, kind in kinds.items():
        bench.peer.listen(topic)

        def note(message: Any, info: Any, topic: str = topic) -> None:
            sent_ns.setdefault(topic, info["source_timestamp"])

        bench.peer.ros.create_subscription(kind, topic, note, 10)
    bench.ask(take())
    bench.peer.wait(lambda: len(sent_ns) == 3)
    assert sent_ns["depth/camera_info"] < min(sent_ns["depth/image"], sent_ns["points"])


def test_binning_and_region_of_interest_are_in_the_camera_matrix(bench: Bench) -> None:
    bench.start("depth/camera_info", "depth/image")
    info = take(camera=Camera(200, 150, 140.0, 146.0, 85.5, 73.0)).info()
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 10, 20, 160, 120
    info.binning_x = info.binning_y = 2
    bench.deliver("camera_info", info, "camera_info")
    bench.deliver("image", take().image(), "image")
    answers = bench.answers(take())
    assert (answers["depth/image"].width, answers["depth/image"].height) == (80, 60)
    found = answers["depth/camera_info"]
    assert (found.width, found.height, found.binning_x, found.binning_y) == (80, 60, 0, 0)
    assert (found.roi.x_offset, found.roi.y_offset, found.roi.width, found.roi.height) == (0,) * 4
    np.testing.assert_allclose(found.k, [70, 0, 37.5, 0, 73, 26.25, 0, 0, 1])


@pytest.mark.parametrize("camera", [CAMERA, LENS], ids=lambda camera: camera.lens)
@pytest.mark.parametrize("colour", [False, True], ids=["xyz", "xyzrgb"])
@pytest.mark.parametrize("stride", [1, 3])
def test_an_organised_cloud_projects_onto_its_own_pixels(
    bench: Bench, limits: dict[str, Any], camera: Camera, colour: bool, stride: int
) -> None:
    limits = limits | {"points_organised": True, "points_colour": colour, "edges_filter": "off"}
    bench.start(*OUTPUTS, stride=stride, **limits)
    shot = take(camera=camera)
    answers = bench.ask(shot)
    cloud, depth = answers["points"], metres(answers["depth/image"])[::stride, ::stride]
    assert (cloud.height, cloud.width) == depth.shape
    assert not cloud.is_dense
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "rgb"][: 3 + colour]
    assert cloud.row_step == cloud.width * cloud.point_step == cloud.width * (12 + 4 * colour)
    points = points_from_cloud(cloud)
    valid = np.isfinite(depth)
    np.testing.assert_array_equal(points.xyz[..., 2][valid], depth[valid])
    assert np.isnan(points.xyz[~valid]).all()
    rows, columns = np.nonzero(valid)
    seen = pixels_of(points.xyz[valid], answers["depth/camera_info"])
    np.testing.assert_allclose(seen, stride * np.stack([columns, rows], axis=-1), atol=0.01)
    if colour:
        np.testing.assert_array_equal(points.rgb, shot.rgb[::stride, ::stride])


@pytest.mark.parametrize("camera", [CAMERA, LENS], ids=lambda camera: camera.lens)
@pytest.mark.parametrize("stride", [1, 3])
def test_a_dense_cloud_has_each_valid_pixels_point_once(
    bench: Bench, limits: dict[str, Any], camera: Camera, stride: int
) -> None:
    bench.start(*OUTPUTS, stride=stride, edges_filter="off", **limits)
    shot = take(camera=camera)
    answers = bench.ask(shot)
    cloud, depth = answers["points"], metres(answers["depth/image"])[::stride, ::stride]
    rows, columns = np.nonzero(np.isfinite(depth))
    assert (cloud.height, cloud.width) == (1, rows.size)
    assert 0 < rows.size < depth.size
    assert cloud.is_dense
    assert cloud.row_step == len(cloud.data) == 16 * rows.size
    points = points_from_cloud(cloud)
    seen = pixels_of(points.xyz, answers["depth/camera_info"])
    np.testing.assert_allclose(seen, stride * np.stack([columns, rows], axis=-1), atol=0.01)
    np.testing.assert_array_equal(points.xyz[:, 2], depth[rows, columns])
    np.testing.assert_array_equal(points.rgb, shot.rgb[stride * rows, stride * columns])


def test_a_frame_without_any_valid_depth_gives_an_empty_cloud(bench: Bench) -> None:
    bench.start("points", "depth/image", min_depth_m=900.0, max_depth_m=1000.0)
    answers = bench.ask(take())
    assert np.isnan(metres(answers["depth/image"])).all()
    cloud = answers["points"]
    assert (cloud.height, cloud.width, cloud.row_step, len(cloud.data)) == (1, 0, 0, 0)


def test_depth_in_colour_is_rgb_and_black_where_there_is_no_estimate(
    bench: Bench, limits: dict[str, Any]
) -> None:
    near_m, far_m = limits.values()
    bench.start("depth/color", "depth/image", colour_near_m=near_m, colour_far_m=far_m, **limits)
    answers = bench.ask(take())
    colour, depth = answers["depth/color"], metres(answers["depth/image"])
    assert (colour.encoding, colour.width, colour.height, colour.step) == ("rgb8", 80, 60, 240)
    rgb: Bytes = np.frombuffer(colour.data, np.uint8).reshape(60, 80, 3)
    np.testing.assert_array_equal((rgb == 0).all(axis=-1), np.isnan(depth))
    assert len(np.unique(rgb[np.isfinite(depth)], axis=0)) > 50
    # turbo, in rgb: what is near is red, what is far is blue.
    nearest, farthest = rgb[depth == np.nanmin(depth)][0], rgb[np.isposinf(depth)][0]
    assert nearest[0] > nearest[2]
    assert farthest[2] > farthest[0]


def test_a_topic_that_ends_in_compressed_is_decoded(bench: Bench, reference: Reference) -> None:
    bench.start("depth/image", arguments=("-r", "image:=camera/image_raw/compressed"))
    bench.deliver("/camera/camera_info", take().info(), "camera_info")
    bench.deliver("camera/image_raw/compressed", compressed(take()), "image")
    depth = bench.answers(take())["depth/image"]
    np.testing.assert_allclose(metres(depth), reference(take()), rtol=1e-4)


def test_a_namespace_and_remaps_move_the_topics(bench: Bench) -> None:
    arguments = ("-r", "image:=/camera/image_raw", "-r", "depth/image:=z", "-r", "__node:=eyes")
    node = bench.start(namespace="/robot", arguments=arguments)
    assert node.get_fully_qualified_name() == "/robot/eyes"
    offered = {name for name, _ in node.get_publisher_names_and_types_by_node("eyes", "/robot")}
    assert offered >= {"/robot/z", "/robot/depth/camera_info", "/robot/points", "/diagnostics"}
    bench.listen("/robot/points")
    bench.deliver("/camera/camera_info", take().info(), "camera_info")
    bench.deliver("/camera/image_raw", take().image(), "image")
    bench.peer.wait(lambda: bench.peer.received["/robot/points"], "points in the namespace")
    assert bench.peer.received["/robot/points"][0].header.frame_id == FRAME_ID


def test_outputs_are_reliable_and_inputs_match_every_publisher(bench: Bench) -> None:
    node = bench.start()
    for topic in OUTPUTS:
        (end,) = node.get_publishers_info_by_topic(f"/{topic}")
        assert end.qos_profile.reliability is ReliabilityPolicy.RELIABLE
    for topic in ("/image", "/camera_info"):
        (end,) = node.get_subscriptions_info_by_topic(topic)
        assert end.qos_profile.reliability is ReliabilityPolicy.BEST_EFFORT


def test_a_best_effort_listener_is_answered_as_well(bench: Bench) -> None:
    bench.start()
    bench.peer.listen("depth/image", best_effort=True)
    bench.peer.wait(lambda: bench.listeners("depth/image"), "a match")
    assert bench.ask(take())["depth/image"].width == 80


Buffers = dict[str, list[tuple[int, int]]]


@pytest.fixture
def buffers(monkeypatch: pytest.MonkeyPatch) -> Buffers:
    """The published buffers by topic: address of the memory, length."""
    seen: Buffers = {topic: [] for topic in OUTPUTS}
    publish = Publisher.publish

    def spy(publisher: Any, message: Any) -> None:
        for topic in OUTPUTS:
            if publisher.topic_name == f"/{topic}" and hasattr(message, "data"):
                seen[topic].append((message.data.ctypes.data, len(message.data)))
        publish(publisher, message)

    monkeypatch.setattr(Publisher, "publish", spy)
    return seen


def test_the_memory_of_points_is_allocated_once(bench: Bench, buffers: Buffers) -> None:
    bench.start("points", points_organised=True)
    for number in range(4):
        bench.ask(take(number))
    assert len(buffers["points"]) == 4
    assert {length for _, length in buffers["points"]} == {80 * 60 * 16}
    assert len({address for address, _ in buffers["points"]}) == 1


def test_nothing_is_copied_before_it_is_published(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: dict[str, bool] = {}
    fill = Outputs._fill_and_send

    def noting(self: Outputs, topic: str, header: Any, output: Any, values: Tensor) -> None:
        fill(self, topic, header, output, values)
        shared[topic] = np.shares_memory(self._messages[topic].message.data, values.numpy())

    monkeypatch.setattr(Outputs, "_fill_and_send", noting)
    bench.start("depth/image", "depth/color", "points")
    bench.ask(take())
    assert shared == {"depth/image": True, "depth/color": True, "points": True}


def test_a_buffer_fits_after_the_resolution_changed(
    bench: Bench, buffers: Buffers, reference: Reference
) -> None:
    bench.start("depth/image")
    sizes = [(80, 60), (96, 64), (48, 40), (80, 60)]
    for number, (width, height) in enumerate(sizes):
        shot: Shot = take(number, CAMERA.scale(width, height))
        depth: Image = bench.ask(shot)["depth/image"]
        assert (depth.width, depth.height) == (width, height)
        np.testing.assert_allclose(metres(depth), reference(shot), rtol=1e-4)
    assert [length for _, length in buffers["depth/image"]] == [4 * w * h for w, h in sizes]


def test_camera_info_goes_out_before_what_it_describes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = ("depth/image", "points", "depth/color", "depth/camera_info")
    node = bench.start(*outputs)
    sent: list[str] = []
    publish = Publisher.publish

    def noting(publisher: Any, message: Any) -> None:
        if publisher.topic_name in {node.resolve_topic_name(topic) for topic in outputs}:
            sent.append(publisher.topic_name)
        publish(publisher, message)

    monkeypatch.setattr(Publisher, "publish", noting)
    bench.ask(take())
    assert sent[0] == "/depth/camera_info"
    assert sorted(sent) == sorted(f"/{topic}" for topic in outputs)
