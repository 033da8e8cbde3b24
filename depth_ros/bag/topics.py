"""Find the cameras of a recording: colour images, and the camera_info that belongs to each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from depth_ros.bag.reader import Recording
from depth_ros.bag.types import FFMPEG, FOXGLOVE, TYPESTORE
from depth_ros.errors import BagError, one_line
from depth_ros.messages import COLOUR_ENCODINGS, codec_of, is_depth, missing_pyav
from depth_ros.topic_names import base, sibling

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
IMAGES = (IMAGE, COMPRESSED, FFMPEG, FOXGLOVE)
_TRIED = 20  # messages that may tell what a topic holds
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
    """Return the cameras that are asked for, or the only one of a recording.

    Args:
        recording: where they are.
        images: their image topics, when there is a choice.
        infos: their camera_info topics, one for each image; none: the images' siblings.
        given_camera: something else describes the camera, and no camera_info is needed.

    Raises:
        BagError: a topic is missing or of another type, or there is a choice; candidates are
            listed.
    """
    if infos and len(infos) != len(images):
        raise BagError(f"{len(infos)} camera_info topics are given, expected {len(images)}")
    chosen = list(images) or [_only(recording, given_camera)]
    chosen_infos = list(infos) or [camera_info_of(recording, image) for image in chosen]
    for topic in chosen:
        _check(recording, topic, IMAGES)
    for topic in () if given_camera else chosen_infos:
        _check(recording, topic, (INFO,))
    names = [image.rpartition("/")[0].strip("/") for image in map(base, chosen)]
    return [CameraTopics(*each) for each in zip(names, chosen, chosen_infos, strict=True)]


def camera_info_of(recording: Recording, image: str) -> str:
    """Return the camera_info topic that belongs to an image topic by its name.

    Its sibling, as image_transport has it, or where there is none the topic beside it: an image
    topic may be called as a transport is. Where the recording has neither it is the sibling.
    """
    names = (sibling(image), f"{image.rpartition('/')[0]}/camera_info")
    topics = recording.topics
    found = [name for name in names if name in topics and topics[name].kind == INFO]
    return found[0] if found else names[0]


def _only(recording: Recording, given_camera: bool) -> str:
    """Return the image topic of the only camera, colour before grey, raw before others."""
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
    told = [f"{name}: {reason}" for name, reason in refused.items()]
    if candidates:
        told.insert(0, f"candidates are: {', '.join(candidates)}")
        raise BagError(f"the camera is to be named (--image, --camera-info), {'; '.join(told)}")
    nothing = f"none of its {len(kinds)} topics has images" if kinds else "nothing can be read"
    unknown = [f"{name}: {why}" for name, why in recording.unknown.items()]
    told = [*(told or [nothing]), *unknown, *recording.damage]
    raise BagError(f"the bag has no camera to convert: {'; '.join(told)}")


def one_of_each_camera(images: Iterable[str]) -> list[str]:
    """Return topics without those that are the same by another transport: raw before others."""
    of_base: dict[str, str] = {}
    for name in sorted(images):
        of_base.setdefault(base(name), name)
    return list(of_base.values())


def holds_depth(recording: Recording, topic: str) -> bool:
    """Return whether a topic's first image that can be read is one of depth."""
    try:
        return is_depth(_first_message(recording, topic))
    except BagError:
        return False


def _first_message(recording: Recording, topic: str) -> Any:
    """Return the first message that can be read; a few damaged ones may come before it."""
    why = "it has no message that can be read"
    for number, record in enumerate(islice(recording.records([topic]), _TRIED)):
        try:
            return TYPESTORE.deserialize_cdr(record.data, record.kind)
        except Exception as error:  # whatever a parser makes of damaged bytes
            why = why if number else f"its first image cannot be read: {one_line(error)}"
    raise BagError(why)


def _encoding(recording: Recording, topic: str) -> str:
    """Return what colours a topic's first image that can be read has.

    Raises:
        BagError: there is no image, it cannot be read, or holds no colours.
    """
    message, kind = _first_message(recording, topic), recording.topics[topic].kind
    if codec_of(message):
        if missing := missing_pyav():
            raise BagError(missing)
        return "rgb8"
    if kind == IMAGE:
        encoding = str(message.encoding)
    else:
        # Without image_transport's prefix it only says jpeg or png.
        stored_as = message.format.partition(";")[0].strip()
        encoding = stored_as if stored_as in COLOUR_ENCODINGS else "rgb8"
    if encoding not in COLOUR_ENCODINGS or (is_depth(message) and kind == COMPRESSED):
        what = "depth" if is_depth(message) else f"'{encoding}', which is not supported"
        raise BagError(f"its encoding is {what}, expected colours or grey")
    return encoding


def _check(recording: Recording, topic: str, kinds: tuple[str, ...]) -> None:
    topics = recording.topics
    if topic in topics and topics[topic].kind in kinds:
        return
    candidates = [name for name, each in topics.items() if each.kind in kinds]
    what = f"is {topics[topic].kind}" if topic in topics else "is not in the bag"
    raise BagError(
        f"{topic} {what}, expected {' or '.join(kinds)}: {', '.join(candidates) or 'there is none'}"
    )
