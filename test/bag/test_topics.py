"""Which images of a recording are a camera's, found by type or by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.writer import Writer

from depth_ros.bag import topics
from depth_ros.bag import writer as bag
from depth_ros.bag.reader import Recording
from depth_ros.bag.topics import CameraTopics
from depth_ros.errors import BagError
from depth_ros.topic_names import base, sibling
from test.bag.recordings import CAMERA, START_NS, Message, compressed, picture, scene, write

RGB = picture(scene(0))
AT = (START_NS, "optical")


def camera(name: str, encoding: str = "rgb8", packed: bool = False) -> Iterator[Message]:
    grey: Any = RGB[..., 0]
    shapes = {"rgb8": RGB, "mono8": grey, "16UC1": grey.astype(np.uint16)}
    if packed:
        message = compressed(RGB, *AT)
        message.format = {"16UC1": "16UC1; compressedDepth png"}.get(encoding, "jpeg")
        yield f"{name}/compressed", message, START_NS
    else:
        yield name, bag.image(shapes[encoding], encoding, *AT), START_NS
    yield sibling(name), bag.camera_info(CAMERA, *AT), START_NS


def found(tmp_path: Path, *messages: Iterator[Message], **named: Any) -> list[CameraTopics]:
    source = write(tmp_path / "in", [each for part in messages for each in part])
    with Recording(source) as recording:
        return topics.find(recording, **named)


def test_the_only_camera_is_found_among_depth_and_words(tmp_path: Path) -> None:
    parts = (camera("/cam/color/image_raw"), camera("/cam/depth/image_rect_raw", "16UC1"))
    expected = CameraTopics("cam/color", "/cam/color/image_raw", "/cam/color/camera_info")
    assert found(tmp_path, *parts) == [expected]


def test_a_compressed_camera_is_found_among_compressed_depth(tmp_path: Path) -> None:
    parts = (camera("/rgb/image", packed=True), camera("/tof/image", "16UC1", packed=True))
    (one,) = found(tmp_path, *parts)
    assert one == CameraTopics("rgb", "/rgb/image/compressed", "/rgb/camera_info")


def test_raw_images_are_taken_before_the_same_compressed(tmp_path: Path) -> None:
    parts = (camera("/rgb/image", packed=True), camera("/rgb/image"))
    assert found(tmp_path, *parts)[0].image == "/rgb/image"


def test_colour_is_taken_before_grey_and_grey_before_nothing(tmp_path: Path) -> None:
    parts = (camera("/infra/image", "mono8"), camera("/rgb/image"))
    assert found(tmp_path, *parts)[0].image == "/rgb/image"
    grey = found(tmp_path / "grey", camera("/infra/image", "mono8"))
    assert grey[0].image == "/infra/image"


def test_an_ambiguous_choice_lists_all_candidates(tmp_path: Path) -> None:
    parts = (camera("/left/image"), camera("/right/image"), camera("/tof/image", "16UC1"))
    with pytest.raises(BagError, match=r"--image.*are: /left/image, /right/image;.*/tof/image"):
        found(tmp_path, *parts)


def test_cameras_are_taken_by_name(tmp_path: Path) -> None:
    parts = (camera("/left/image"), camera("/right/image"))
    two = found(tmp_path, *parts, images=["/right/image", "/left/image"])
    assert [each.name for each in two] == ["right", "left"]
    other = {"images": ["/left/image"], "infos": ["/right/camera_info"]}
    assert found(tmp_path / "again", *camera_pair(), **other)[0].info == "/right/camera_info"


def camera_pair() -> tuple[Iterator[Message], Iterator[Message]]:
    return camera("/left/image"), camera("/right/image")


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ({"images": ["/none"]}, "/none is not in the bag.*: /left/image, /right/image"),
        ({"images": ["/left/camera_info"]}, "is sensor_msgs/msg/CameraInfo, expected"),
        ({"images": ["/left/image"], "infos": ["/none"]}, "/none is not in.*/left/camera_info"),
        ({"images": ["/left/image"], "infos": ["/a", "/b"]}, "2 camera_info.*one for each"),
    ],
)
def test_a_wrong_name_is_refused(tmp_path: Path, named: dict[str, list[str]], text: str) -> None:
    with pytest.raises(BagError, match=text):
        found(tmp_path, *camera_pair(), **named)


def test_images_without_camera_info_are_no_camera(tmp_path: Path) -> None:
    lone = [(f"/rgb{name}", message, at) for name, message, at in camera("/image")][:1]
    text = r"no camera to convert: /rgb/image: there is no camera_info on /rgb/camera_info$"
    with pytest.raises(BagError, match=text):
        found(tmp_path, iter(lone))


@pytest.mark.parametrize("encoding", ["8UC7", "jpeg", "16UC1"])
def test_an_encoding_that_is_refused_is_named(tmp_path: Path, encoding: str) -> None:
    (image, info) = camera("/rgb/image")
    image[1].encoding = encoding
    what = "depth" if encoding == "16UC1" else f"'{encoding}', which is not supported"
    with pytest.raises(BagError, match=rf"/rgb/image: its encoding is {what}"):
        found(tmp_path, iter([image, info]))


def test_a_bag_without_images_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="none of its 1 topics has images"):
        found(tmp_path, iter(list(camera("/image"))[1:]))


def test_an_image_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    source = write(tmp_path / "in", list(camera("/rgb/image")), "sqlite3")
    database = sqlite3.connect(source / "in.db3")
    database.execute("UPDATE messages SET data = substr(data, 1, 30) WHERE length(data) > 5000")
    database.commit()
    database.close()
    with Recording(source) as recording, pytest.raises(BagError, match="first image cannot be"):
        topics.find(recording)


def test_an_image_that_cannot_be_read_does_not_hide_those_after_it(tmp_path: Path) -> None:
    twice = [*camera("/rgb/image"), *camera("/rgb/image")]
    source = write(tmp_path / "in", twice, "sqlite3")
    database = sqlite3.connect(source / "in.db3")
    database.execute("UPDATE messages SET data = substr(data, 1, 30) WHERE id = 1")
    database.commit()
    database.close()
    with Recording(source) as recording:
        assert topics.find(recording)[0].image == "/rgb/image"


def test_topics_that_are_not_ros_are_named_where_there_is_no_camera(tmp_path: Path) -> None:
    (image, _) = camera("/rgb/image")
    source = write(tmp_path / "in", [image])
    with (tmp_path / "other.mcap").open("wb") as file:
        writer = Writer(file)
        writer.start()
        schema = writer.register_schema("foxglove.CameraCalibration", "protobuf", b"")
        channel = writer.register_channel("/rgb/camera_info", "protobuf", schema)
        writer.add_message(channel, START_NS, b"", START_NS)
        writer.finish()
    text = r"/rgb/image: there is no camera_info on .*; /rgb/camera_info: its messages are 'proto"
    with Recording(source, tmp_path / "other.mcap") as both, pytest.raises(BagError, match=text):
        topics.find(both)


def test_a_topic_that_is_called_as_a_transport_is_has_its_camera_info_beside_it(
    tmp_path: Path,
) -> None:
    (packed, info) = camera("/cam", packed=True)
    beside = ("/cam/camera_info", *info[1:])
    assert found(tmp_path, iter([packed, beside]))[0].info == "/cam/camera_info"
    both = found(tmp_path / "both", iter([packed, beside, info]))
    assert both[0].info == "/camera_info"


@pytest.mark.parametrize(
    ("image", "of", "info"),
    [
        ("/cam/image", "/cam/image", "/cam/camera_info"),
        ("/cam/image/compressed", "/cam/image", "/cam/camera_info"),
        ("/cam/depth/image/compressedDepth", "/cam/depth/image", "/cam/depth/camera_info"),
        ("/cam/image/ffmpeg", "/cam/image", "/cam/camera_info"),
        ("/image", "/image", "/camera_info"),
        ("image", "image", "camera_info"),
    ],
)
def test_names_are_those_of_image_transport(image: str, of: str, info: str) -> None:
    assert (base(image), sibling(image)) == (of, info)
