"""Conversions of small recordings: every frame, in order, in every kind of bag."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from rosbags.highlevel import AnyReader
from rosbags.interfaces import ConnectionExtRosbag2, QosDurability, QosHistory, QosReliability
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionMode
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from depth_ros import messages
from depth_ros.bag import reader
from depth_ros.bag import writer as bag
from depth_ros.bag.convert import convert
from depth_ros.bag.options import ConvertOptions
from depth_ros.config import Settings
from depth_ros.errors import BagError, SettingError
from depth_ros.geometry.camera import Camera
from depth_ros.messages import depth_from_image, points_from_cloud, stamp_ns
from depth_ros.models import Output
from test.bag.recordings import (
    CAMERA,
    FRAME_ID,
    START_NS,
    STEP_NS,
    Brightness,
    Message,
    by_topic,
    drive,
    picture,
    pipeline,
    read,
    scene,
    write,
)

DEPTH, INFO = "/depth/image", "/depth/camera_info"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in", drive())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def assert_answered(
    path: Path, count: int, topic: str = DEPTH, first: int = 0, every: int = 1
) -> None:
    """Every image's depth is there, once and in order."""
    found = [depth_from_image(message) for message in read(path, topic)]
    assert len(found) == count
    for place, depth_m in enumerate(found):
        assert np.allclose(depth_m, scene(first + every * place), atol=1e-3)


def test_every_image_is_answered_in_order_with_its_stamp_and_frame(source: Path, out: Path) -> None:
    summary = convert([source], out, pipeline())
    assert_answered(out, 6)
    assert summary.frames == summary.answered == {"camera": 6}
    images = read(out, "/camera/image")
    for topic in (DEPTH, INFO):
        for image, answer in zip(images, read(out, topic), strict=True):
            assert answer.header == image.header
    assert messages.camera_from_info(read(out, INFO)[3]) == CAMERA


def test_an_answer_stands_right_after_its_image_at_its_bag_time(source: Path, out: Path) -> None:
    convert([source], out, pipeline())
    found = list(reader.records(out))
    at = [i for i, record in enumerate(found) if record.topic == "/camera/image"]
    for i in at:
        assert {found[i + 1].topic, found[i + 2].topic} == {DEPTH, INFO}
        assert found[i].time_ns == found[i + 1].time_ns == found[i + 2].time_ns
    times = [record.time_ns for record in found]
    assert times == sorted(times)


def test_what_was_recorded_is_copied_byte_for_byte_with_its_service(
    source: Path, out: Path
) -> None:
    convert([source], out, pipeline())
    before, after = by_topic(source), by_topic(out)
    assert {topic: after[topic] for topic in before} == before
    with AnyReader([source]) as old, AnyReader([out]) as new:
        known = {c.topic: c for c in new.connections}
        for connection in old.connections:
            copy = known[connection.topic]
            assert (copy.ext, copy.digest) == (connection.ext, connection.digest)
            assert copy.msgdef == connection.msgdef
        (qos,) = known[DEPTH].ext.offered_qos_profiles  # type: ignore[union-attr]
    assert qos.reliability == QosReliability.RELIABLE
    assert qos.history == QosHistory.KEEP_LAST
    assert qos.durability == QosDurability.VOLATILE


def test_camera_info_comes_before_what_it_describes(source: Path, out: Path) -> None:
    convert([source], out, pipeline(), ConvertOptions(extras=("points",)))
    written = [r.topic for r in reader.records(out) if r.topic in (DEPTH, INFO, "/points")]
    assert written == [INFO, DEPTH, "/points"] * (len(written) // 3)
    assert written


def test_only_depth_keeps_the_static_transforms(source: Path, out: Path) -> None:
    convert([source], out, pipeline(), ConvertOptions(only_depth=True))
    assert set(by_topic(out)) == {"/tf_static", DEPTH, INFO}
    assert by_topic(out)["/tf_static"] == by_topic(source)["/tf_static"]


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_every_output_is_read_back_by_other_libraries(
    source: Path, out: Path, storage: str
) -> None:
    options = ConvertOptions(extras=("points", "color", "scan"), storage=storage, split=4)
    convert([source], out, pipeline(), options)
    kinds: dict[str, Any] = {}
    with AnyReader([out]) as opened:
        for connection, _, data in opened.messages():
            kinds[connection.topic] = opened.deserialize(data, connection.msgtype)
        counts = {c.topic: c.msgcount for c in opened.connections}
    assert counts == {
        "/tf_static": 1,
        **dict.fromkeys(["/camera/camera_info", "/camera/image", "/chatter", DEPTH, INFO], 6),
        **dict.fromkeys(["/points", "/depth/color", "/scan"], 6),
    }
    assert kinds["/points"].width * kinds["/points"].point_step == len(kinds["/points"].data)
    assert kinds["/depth/color"].encoding == "rgb8"
    assert kinds["/scan"].header.frame_id == "camera_frame"


def test_the_mcap_library_reads_every_message_back(source: Path, out: Path) -> None:
    mcap = pytest.importorskip("mcap.reader")
    decoder = pytest.importorskip("mcap_ros2.decoder")
    convert([source], out, pipeline(), ConvertOptions(extras=("points", "scan"), split=4))
    read_back: dict[str, int] = {}
    for file in sorted(out.glob("*.mcap")):
        with file.open("rb") as stream:
            opened = mcap.make_reader(
                stream, validate_crcs=True, decoder_factories=[decoder.DecoderFactory()]
            )
            for _, channel, _, message in opened.iter_decoded_messages():
                read_back[channel.topic] = read_back.get(channel.topic, 0) + 1
                if channel.topic == "/scan":
                    assert len(message.ranges) == CAMERA.width
    assert read_back == {topic: len(found) for topic, found in by_topic(out).items()}


# --- what goes in


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("mode", list(CompressionMode))
def test_every_storage_and_compression_is_read(
    tmp_path: Path, out: Path, storage: str, mode: CompressionMode
) -> None:
    if storage == "sqlite3" and mode is CompressionMode.STORAGE:
        pytest.skip("rosbag2 has none for sqlite3")
    source = write(tmp_path / "in", drive(packed=True), storage, mode)
    convert([source], out, pipeline())
    assert_answered(out, 6)


@pytest.mark.parametrize(("storage", "ending"), [("mcap", "mcap"), ("sqlite3", "db3")])
def test_a_single_file_is_a_recording(tmp_path: Path, out: Path, storage: str, ending: str) -> None:
    source = write(tmp_path / "in", drive(), storage)
    (file,) = source.glob(f"*.{ending}")
    convert([file], out, pipeline())
    assert_answered(out, 6)
    assert by_topic(out)["/chatter"] == by_topic(source)["/chatter"]


def test_a_split_recording_is_one(tmp_path: Path, out: Path) -> None:
    split = tmp_path / "split"
    convert(
        [write(tmp_path / "in", drive())],
        split,
        pipeline(),
        ConvertOptions(split=2, only_depth=False),
    )
    assert len(list(split.glob("*.mcap"))) == 4
    convert([split], out, pipeline(), ConvertOptions(prefix="again"))
    assert_answered(out, 6, "/again/depth/image")


def test_several_recordings_are_merged_by_time(tmp_path: Path, out: Path) -> None:
    late = write(tmp_path / "late", drive(3, first=3))
    early = write(tmp_path / "early", drive(3), "sqlite3")
    convert([late, early], out, pipeline())
    assert_answered(out, 6)
    words = [message.data for message in read(out, "/chatter")]
    assert words == [f"word {i}" for i in range(6)]


def test_a_bag_of_ros_1_becomes_one_of_ros_2(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in.bag"
    write_ros1(path, 4)
    convert([path], out, pipeline())
    assert_answered(out, 4)
    (image, *_) = read(out, "/camera/image")
    assert stamp_ns(image.header) == START_NS
    assert image.header.frame_id == FRAME_ID
    with AnyReader([out]) as opened:
        odd = [
            opened.deserialize(data, connection.msgtype)
            for connection, _, data in opened.messages()
            if connection.topic == "/odd"
        ]
        (ext,) = (c.ext for c in opened.connections if c.topic == "/tf_static")
    assert [message.number for message in odd] == [0, 1, 2, 3]  # type: ignore[attr-defined]
    assert isinstance(ext, ConnectionExtRosbag2)
    assert ext.offered_qos_profiles[0].durability == QosDurability.TRANSIENT_LOCAL


def write_ros1(path: Path, count: int) -> None:
    """A bag of ROS 1, with a type that ROS 2 does not know."""
    store = get_typestore(Stores.ROS1_NOETIC)
    odd = "std_msgs/Header header\nint32 number\n"
    transforms = "geometry_msgs/TransformStamped[] transforms\n"
    store.register(get_types_from_msg(odd, "odd/msg/Odd"))
    store.register(get_types_from_msg(transforms, "tf2_msgs/msg/TFMessage"))
    types = store.types
    with Ros1Writer(path) as writer:
        connections: dict[str, Any] = {}
        for topic, message, time_ns in ros1_messages(types, count):
            kind = message.__msgtype__
            if topic not in connections:
                latching = 1 if topic == "/tf_static" else None
                connections[topic] = writer.add_connection(
                    topic, kind, typestore=store, latching=latching
                )
            writer.write(connections[topic], time_ns, store.serialize_ros1(message, kind))


def ros1_messages(types: Any, count: int) -> Any:
    def header(index: int) -> Any:
        at_ns = START_NS + index * STEP_NS
        time = types["builtin_interfaces/msg/Time"](at_ns // 10**9, at_ns % 10**9)
        return types["std_msgs/msg/Header"](index, time, FRAME_ID)

    vector = types["geometry_msgs/msg/Vector3"](0.0, 0.0, 0.5)
    turn = types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0)
    pose = types["geometry_msgs/msg/Transform"](vector, turn)
    transform = types["geometry_msgs/msg/TransformStamped"](header(0), "camera_link", pose)
    yield "/tf_static", types["tf2_msgs/msg/TFMessage"]([transform]), START_NS
    for index in range(count):
        time_ns = START_NS + index * STEP_NS
        rgb = picture(scene(index))
        fields = (*rgb.shape[:2], "rgb8", 0, rgb.shape[1] * 3, rgb.reshape(-1))
        yield "/camera/image", types["sensor_msgs/msg/Image"](header(index), *fields), time_ns
        k = CAMERA.matrix
        matrices = (np.zeros(5), k.reshape(-1), np.eye(3).reshape(-1), np.zeros(12))
        roi = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
        size = (CAMERA.height, CAMERA.width, "plumb_bob")
        info = types["sensor_msgs/msg/CameraInfo"](header(index), *size, *matrices, 0, 0, roi)
        yield "/camera/camera_info", info, time_ns + 1
        yield "/odd", types["odd/msg/Odd"](header(index), index), time_ns + 2


# --- several cameras, batches


def both(tmp_path: Path) -> Path:
    mixed = chain(drive(4, "/left"), drive(4, "/right", offset_ns=1000))
    return write(tmp_path / "in", sorted(mixed, key=lambda each: each[2]))


TWO = ConvertOptions(images=("/left/image", "/right/image"), batch=2)


def test_several_cameras_share_batches_and_have_names_of_their_own(
    tmp_path: Path, out: Path
) -> None:
    model = Brightness()
    summary = convert([both(tmp_path)], out, pipeline(model), TWO)
    assert model.batches_seen == [2, 2, 2, 2]
    assert summary.answered == {"left": 4, "right": 4}
    for name in ("left", "right"):
        assert_answered(out, 4, f"/{name}/depth/image")
        stamps = [stamp_ns(m.header) for m in read(out, f"/{name}/depth/image")]
        assert stamps == [stamp_ns(m.header) for m in read(out, f"/{name}/image")]


def test_a_model_that_does_not_batch_gets_frame_by_frame(tmp_path: Path, out: Path) -> None:
    model = Brightness()
    model.batches = False
    convert([both(tmp_path)], out, pipeline(model), TWO)
    assert model.batches_seen == [1] * 8
    assert_answered(out, 4, "/right/depth/image")


def test_images_of_different_sizes_do_not_share_a_batch(tmp_path: Path, out: Path) -> None:
    small = Camera.from_fov(32, 20, 70.0)

    def with_small() -> Any:
        for topic, message, time_ns in drive(3, "/left"):
            yield topic, message, time_ns
            if topic == "/left/image":
                at = stamp_ns(message.header)
                rgb = picture(scene(0, 32, 20))
                yield "/right/image", bag.image(rgb, "rgb8", at, "right"), time_ns
                yield "/right/camera_info", bag.camera_info(small, at, "right"), time_ns

    model = Brightness()
    convert([write(tmp_path / "in", with_small())], out, pipeline(model), TWO)
    assert model.batches_seen == [1] * 6
    assert read(out, "/right/depth/image")[0].width == 32


@pytest.mark.parametrize("batch", [2, 4, 100])
def test_batches_change_no_depth(source: Path, out: Path, batch: int) -> None:
    model = Brightness()
    convert([source], out, pipeline(model), ConvertOptions(batch=batch))
    assert_answered(out, 6)
    assert max(model.batches_seen) == min(batch, 6)


# --- options


def test_every_nth_image_is_answered_and_all_are_copied(source: Path, out: Path) -> None:
    summary = convert([source], out, pipeline(), ConvertOptions(every=2))
    assert_answered(out, 3, every=2)
    assert len(by_topic(out)["/camera/image"]) == 6
    assert summary.frames == {"camera": 3}


def test_a_part_has_the_static_transforms_of_the_whole(source: Path, out: Path) -> None:
    convert([source], out, pipeline(), ConvertOptions(start_s=0.2, end_s=0.4))
    assert_answered(out, 2, first=2)
    (static,) = by_topic(out)["/tf_static"]
    assert static.data == by_topic(source)["/tf_static"][0].data
    assert static.time_ns == START_NS + 200_000_000


def test_millimetres_are_written_where_they_are_asked_for(source: Path, out: Path) -> None:
    convert([source], out, pipeline(depth_encoding="16UC1"))
    assert {message.encoding for message in read(out, DEPTH)} == {"16UC1"}
    assert_answered(out, 6)


def test_points_are_where_depth_is(source: Path, out: Path) -> None:
    convert([source], out, pipeline(points_organised=True), ConvertOptions(extras=("points",)))
    for index, message in enumerate(read(out, "/points")):
        points = points_from_cloud(message)
        assert np.allclose(points.xyz[..., 2], scene(index), atol=1e-3)
        assert points.rgb is not None
        assert np.array_equal(points.rgb, picture(scene(index)))


def test_a_relative_model_writes_relative_depth(source: Path, out: Path) -> None:
    relative = pipeline(Brightness(Output.AFFINE_INVERSE_DEPTH))
    convert([source], out, relative, ConvertOptions(extras=("points", "color", "scan")))
    assert {t for t in by_topic(out) if "depth" in t} == {"/depth/relative", INFO}
    first = read(out, "/depth/relative")[0]
    values = np.frombuffer(first.data, "<f4").reshape(first.height, first.width)
    assert np.allclose(values, scene(0), atol=1e-3)


def test_a_prefix_makes_room_for_a_second_conversion(source: Path, out: Path) -> None:
    convert([source], out, pipeline())
    with pytest.raises(BagError, match=r"/depth/image.*--prefix"):
        convert([out], out.with_name("twice"), pipeline())
    convert([out], out.with_name("twice"), pipeline(), ConvertOptions(prefix="/second"))
    assert_answered(out.with_name("twice"), 6, "/second/depth/image")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"every": 0}, "every is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"start_s": -1.0}, "start is -1 s"),
        ({"start_s": float("nan")}, "start is nan s"),
        ({"storage": "tape"}, "tape.*mcap"),
        ({"extras": ("smell",)}, "smell.*points"),
    ],
)
def test_an_impossible_option_is_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingError, match=text):
        ConvertOptions(**values)


def test_an_existing_folder_is_not_written_to(source: Path, out: Path) -> None:
    out.mkdir()
    (out / "mine").touch()
    for options in (ConvertOptions(), ConvertOptions(resume=True)):
        with pytest.raises(BagError, match=r"exists|not a bag"):
            convert([source], out, pipeline(), options)
    assert [path.name for path in out.iterdir()] == ["mine"]


# --- determinism, damage, watchers


def digest(path: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(path.iterdir())}


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_two_runs_write_the_same_bytes(source: Path, out: Path, storage: str) -> None:
    options = ConvertOptions(extras=("points", "color", "scan"), storage=storage, split=4, batch=2)
    convert([source], out, pipeline(), options)
    first = digest(out)
    shutil.rmtree(out)
    convert([source], out, pipeline(), options)
    assert digest(out) == first
    assert len(first) == 3


def test_a_damaged_image_is_skipped_and_counted(tmp_path: Path, out: Path) -> None:
    def damaged() -> Any:
        for place, (topic, message, time_ns) in enumerate(drive(packed=True)):
            if topic.endswith("compressed") and place > 6:
                message.data = message.data[: 20 * (place // 7)]
            yield topic, message, time_ns

    source = write(tmp_path / "in", damaged())
    summary = convert([source], out, pipeline())
    assert summary.frames == {"camera": 6}
    assert summary.answered == {"camera": 2}
    assert summary.skipped == {"MessageError": 4}
    assert "decoded" in summary.examples["MessageError"]
    assert_answered(out, 2)
    assert len(by_topic(out)["/camera/image/compressed"]) == 6


@pytest.mark.parametrize("error", [cv2.error("bad jpeg"), MemoryError(), ValueError("two\nlines")])
def test_whatever_a_decoder_raises_costs_one_frame(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    straight, seen = messages.rgb_from, []

    def failing(message: Any, settings: Settings) -> Any:
        seen.append(message)
        if len(seen) == 2:
            raise error
        return straight(message, settings)

    monkeypatch.setattr(messages, "rgb_from", failing)
    summary = convert([source], out, pipeline(), ConvertOptions(jobs=1))
    assert summary.answered == {"camera": 5}
    assert summary.skipped == {"MessageError": 1}
    assert "/camera/image cannot be read" in summary.examples["MessageError"]
    assert "\n" not in summary.examples["MessageError"]
    assert len(by_topic(out)["/camera/image"]) == 6


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"start_s": 100.0}, "start is 100 s"),
        ({"start_s": 0.4, "end_s": 0.2}, "start is 0.4 s and end 0.2 s"),
        ({"start_s": 0.2, "end_s": 0.2}, "start before end"),
        ({"end_s": 0.0}, "end 0 s"),
    ],
)
def test_a_part_that_holds_nothing_is_refused_with_the_recordings_length(
    part: dict[str, Any], text: str, source: Path, out: Path
) -> None:
    with pytest.raises(BagError, match=rf"(?=.*{text}).*within the recording's 0.505 s"):
        convert([source], out, pipeline(), ConvertOptions(**part))
    assert not out.exists()


@pytest.mark.parametrize(
    ("sec", "nanosec"), [(2**31 - 1, 0), (2**31 - 2, 2**32 - 1), (-1, 0), (5, 10**9)]
)
def test_an_image_with_a_stamp_that_is_no_time_is_skipped(
    tmp_path: Path, out: Path, sec: int, nanosec: int
) -> None:
    def odd() -> Any:
        for topic, message, time_ns in drive():
            if topic == "/camera/image" and time_ns < START_NS + STEP_NS:
                message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec
            yield topic, message, time_ns

    summary = convert([write(tmp_path / "in", odd())], out, pipeline())
    assert summary.skipped == {"MessageError": 1}
    assert f"stamp is sec {sec}, nanosec {nanosec}" in summary.examples["MessageError"]
    assert_answered(out, 5, first=1)


def test_an_image_of_another_size_than_its_camera_is_skipped(tmp_path: Path, out: Path) -> None:
    def odd() -> Any:
        for topic, message, time_ns in drive():
            if topic == "/camera/image" and time_ns < START_NS + STEP_NS:
                message = bag.image(picture(scene(0, 32, 20)), "rgb8", START_NS, FRAME_ID)
            yield topic, message, time_ns

    summary = convert([write(tmp_path / "in", odd())], out, pipeline())
    assert summary.skipped == {"CameraError": 1}
    assert_answered(out, 5, first=1)


def test_a_calibration_that_changes_is_followed_by_stamp(tmp_path: Path, out: Path) -> None:
    def zooming() -> Any:
        for topic, message, time_ns in drive():
            if topic.endswith("camera_info") and time_ns > START_NS + 3 * STEP_NS:
                message.k = message.k * [2, 1, 1, 1, 2, 1, 1, 1, 1]
            yield topic, message, time_ns

    convert([write(tmp_path / "in", zooming())], out, pipeline())
    ratios = [message.k[0] / CAMERA.fx for message in read(out, INFO)]
    assert ratios == pytest.approx([1, 1, 1, 2, 2, 2])


class Audience:
    def __init__(self) -> None:
        self.seen: list[tuple[str, int, npt.NDArray[np.uint8], npt.NDArray[np.float32]]] = []
        self.closed = 0

    def add(
        self,
        name: str,
        stamp_ns: int,
        rgb: npt.NDArray[np.uint8],
        depth_m: npt.NDArray[np.float32],
        camera: Camera,
        confidence: npt.NDArray[np.float32] | None = None,
    ) -> None:
        assert camera == CAMERA
        self.seen.append((name, stamp_ns, rgb, depth_m))

    def close(self) -> None:
        self.closed += 1


def test_watchers_see_every_frame_in_order(source: Path, out: Path) -> None:
    audience = Audience()
    convert([source], out, pipeline(), watchers=[audience])
    assert [at for _, at, _, _ in audience.seen] == [START_NS + i * STEP_NS for i in range(6)]
    for index, (name, _, rgb, depth_m) in enumerate(audience.seen):
        assert name == "camera"
        assert np.array_equal(rgb, picture(scene(index)))
        assert np.allclose(depth_m, scene(index), atol=1e-3)
    assert audience.closed == 1


def test_watchers_are_closed_when_there_is_nothing_to_see(tmp_path: Path, out: Path) -> None:
    audience = Audience()
    with pytest.raises(BagError):
        convert([tmp_path / "nothing"], out, pipeline(), watchers=[audience])
    assert audience.closed == 1


def test_a_compressed_image_is_found_by_its_name(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "in", drive(packed=True))
    convert([source], out, pipeline(), ConvertOptions(images=("/camera/image/compressed",)))
    assert_answered(out, 6)


# --- cameras that say little, or nothing good


def changed_camera_info(change: Callable[[Any], None]) -> Iterator[Message]:
    for topic, message, time_ns in drive(2):
        if topic.endswith("camera_info"):
            change(message)
        yield topic, message, time_ns


def test_a_camera_info_without_a_size_is_of_its_images(tmp_path: Path, out: Path) -> None:
    def forget(info: Any) -> None:
        info.width = info.height = 0

    summary = convert([write(tmp_path / "in", changed_camera_info(forget))], out, pipeline())
    assert summary.answered == {"camera": 2}
    assert summary.warnings == []
    assert messages.camera_from_info(read(out, INFO)[0]) == CAMERA


def test_a_calibration_that_most_pixels_have_no_ray_by_is_warned_of(
    tmp_path: Path, out: Path
) -> None:
    def spoil(info: Any) -> None:
        info.d = np.array([-3.0, 0.0, 0.0, 0.0])

    summary = convert([write(tmp_path / "in", changed_camera_info(spoil))], out, pipeline())
    (warning,) = summary.warnings
    assert warning.startswith("/camera/camera_info: ")
    assert "% of the pixels have no ray" in warning
