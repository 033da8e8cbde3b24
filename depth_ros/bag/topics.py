"""Find the cameras of a recording: colour images, and the camera_info of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from depth_ros.bag.reader import Recording
from depth_ros.bag.types import FFMPEG, FOXGLOVE
from depth_ros.errors import BagError, BagSettingError, one_line
from depth_ros.messages import COLOUR_ENCODINGS, codec_of, is_depth, missing_pyav
from depth_ros.topic_names import base, sibling

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
IMAGES = (IMAGE, COMPRESSED, FFMPEG, FOXGLOVE)
_TRIED = 20  # messages that are tried to find out what a topic contains
_GREY = ("mono8", "mono16", "8UC1")


class CameraTopics(NamedTuple):
    """A camera of a recording.

    Attributes:
        name: its namespace, such as camera/color.
        image: raw or compressed images, or a video.
        info: their camera_info.
    """

    name: str
    image: str
    info: str


def find(
    recording: Recording,
    images: Sequence[str] = (),
    infos: Sequence[str] = (),
    given_camera: bool = False,
) -> list[CameraTopics]:
    """Return the chosen cameras, or a recording's only one.

    Args:
        recording: contains the topics.
        images: image topics; empty: that of the only camera.
        infos: their camera_info topics, one for each image; empty: the images' siblings.
        given_camera: whether the camera is defined elsewhere, so that no camera_info is needed.

    Raises:
        BagError: a topic is missing or of another type, or there are several cameras; the error
            lists the candidates.
    """
    if infos and len(infos) != len(images):
        raise BagSettingError(
            f"{len(infos)} camera_info topics are given for {len(images)} image topics, expected "
            "one for each image topic"
        )
    chosen = list(images) or [_only(recording, given_camera)]
    chosen_infos = list(infos) or [camera_info_of(recording, image) for image in chosen]
    for topic in chosen:
        check_kind(recording, topic, IMAGES)
    for topic in () if given_camera else chosen_infos:
        check_kind(recording, topic, (INFO,))
    names = [image.rpartition("/")[0].strip("/") for image in map(base, chosen)]
    return [CameraTopics(*each) for each in zip(names, chosen, chosen_infos, strict=True)]


def camera_info_of(recording: Recording, image: str) -> str:
    """Return the camera_info topic of an image topic, by name.

    It is the sibling by image_transport's rules. If the recording does not have it, it is
    camera_info in the topic's own namespace, since an image topic may have a transport's name. If
    that is missing too, it is the sibling.
    """
    names = (sibling(image), f"{image.rpartition('/')[0]}/camera_info")
    topics = recording.topics
    found = [name for name in names if name in topics and topics[name].kind == INFO]
    return found[0] if found else names[0]


def _only(recording: Recording, given_camera: bool) -> str:
    """Return the only camera's image topic; prefer colour to grey, raw to compressed."""
    kinds = {name: topic.kind for name, topic in recording.topics.items()}
    images = [name for name, kind in kinds.items() if kind in IMAGES]
    encodings: dict[str, str] = {}
    refused: dict[str, str] = {}
    for name in images:
        try:
            info = camera_info_of(recording, name)
            if not given_camera and kinds.get(info) != INFO:
                raise BagError(f"there is no camera_info on {info}")
            encodings[name] = _encoding(recording, name)
        except BagError as error:
            refused[name] = str(error)
    colour = [name for name in encodings if encodings[name] not in _GREY]
    grey = [name for name in encodings if encodings[name] != "mono16"]
    candidates = colour or grey
    if len(single := one_of_each_camera(candidates)) == 1:
        return single[0]
    reasons = [f"{name}: {reason}" for name, reason in refused.items()]
    if candidates:
        reasons.insert(0, f"candidates are: {', '.join(candidates)}")
        raise BagSettingError(
            f"choose the camera with --image and --camera-info: {'; '.join(reasons)}"
        )
    nothing = f"none of its {len(kinds)} topics has images" if kinds else "nothing can be read"
    unknown = [f"{name}: {why}" for name, why in recording.unknown.items()]
    reasons = [*(reasons or [nothing]), *unknown, *recording.damage]
    raise BagError(f"the bag has no camera to convert: {'; '.join(reasons)}")


def one_of_each_camera(images: Iterable[str]) -> list[str]:
    """Return one topic of each camera, without its other transports; prefer raw."""
    of_base: dict[str, str] = {}
    for name in sorted(images):
        of_base.setdefault(base(name), name)
    return list(of_base.values())


def holds_depth(recording: Recording, topic: str) -> bool:
    """Return whether a topic's first readable image is a depth image."""
    try:
        return is_depth(_first_message(recording, topic))
    except BagError:
        return False


def _first_message(recording: Recording, topic: str) -> Any:
    """Return the first readable message; a few damaged ones may come before it."""
    why = "it has no readable message"
    for number, record in enumerate(islice(recording.records([topic]), _TRIED)):
        try:
            return record.message()
        except Exception as error:  # a parser may raise anything on damaged bytes
            why = why if number else f"its first image cannot be read: {one_line(error)}"
    raise BagError(why)


def _encoding(recording: Recording, topic: str) -> str:
    """Return the encoding of a topic's first readable image.

    Raises:
        BagError: there is no image, it cannot be read, or it is neither colour nor grey.
    """
    message, kind = _first_message(recording, topic), recording.topics[topic].kind
    if codec_of(message):
        if missing := missing_pyav():
            raise BagError(missing)
        return "rgb8"
    if kind == IMAGE:
        encoding = str(message.encoding)
    else:
        # Without image_transport's prefix the format is only "jpeg" or "png".
        stored_as = message.format.partition(";")[0].strip()
        encoding = stored_as if stored_as in COLOUR_ENCODINGS else "rgb8"
    if encoding not in COLOUR_ENCODINGS or (is_depth(message) and kind == COMPRESSED):
        what = "depth" if is_depth(message) else f"'{encoding}', which is not supported"
        raise BagError(f"its encoding is {what}, expected colours or grey")
    return encoding


def check_images(bag: Path, recording: Recording, topics: Collection[str]) -> None:
    """Check that topics that somebody named exist and hold images.

    Raises:
        BagError: one does not; the error lists the topics of the bag, or those with images.
    """
    if missing := {*topics} - recording.topics.keys():
        known = ", ".join(sorted(recording.topics)) or "none"
        raise BagSettingError(f"{bag} has no topic {', '.join(sorted(missing))}, it has {known}")
    for topic in topics:
        check_kind(recording, topic, IMAGES)


def check_kind(recording: Recording, topic: str, kinds: tuple[str, ...]) -> None:
    """Check the type of a topic.

    Raises:
        BagError: it is missing or of another type; the error lists the topics of these types.
    """
    topics = recording.topics
    if topic in topics and topics[topic].kind in kinds:
        return
    candidates = [name for name, each in topics.items() if each.kind in kinds]
    what = f"is {topics[topic].kind}" if topic in topics else "is not in the bag"
    raise BagSettingError(
        f"{topic} {what}, expected {' or '.join(kinds)}: {', '.join(candidates) or 'there is none'}"
    )
