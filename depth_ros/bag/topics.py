"""Find the cameras of a recording: colour images, and the camera_info that belongs to each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from depth_ros.bag.reader import Recording
from depth_ros.bag.types import TYPESTORE
from depth_ros.errors import BagError
from depth_ros.messages import COLOUR_ENCODINGS

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
_GREY = ("mono8", "mono16", "8UC1")


class CameraTopics(NamedTuple):
    """A camera of a recording.

    Attributes:
        name: its namespace, such as camera/color.
        image: raw or compressed images.
        info: their camera_info.
    """

    name: str
    image: str
    info: str


def find(
    recording: Recording, images: Sequence[str] = (), infos: Sequence[str] = ()
) -> list[CameraTopics]:
    """Return the cameras that are asked for, or the only one of a recording.

    Args:
        recording: where they are.
        images: their image topics, when there is a choice.
        infos: their camera_info topics, one for each image; none: the images' siblings.

    Raises:
        BagError: a topic is missing or of another type, or there is a choice; candidates are
            listed.
    """
    if infos and len(infos) != len(images):
        raise BagError(f"{len(infos)} camera_info topics are given, expected {len(images)}")
    chosen = list(images) or [_only(recording)]
    chosen_infos = list(infos) or [sibling(image) for image in chosen]
    for topic, kinds in [(t, (IMAGE, COMPRESSED)) for t in chosen] + [
        (t, (INFO,)) for t in chosen_infos
    ]:
        _check(recording, topic, kinds)
    names = [image.rpartition("/")[0].strip("/") for image in map(base, chosen)]
    return [CameraTopics(*each) for each in zip(names, chosen, chosen_infos, strict=True)]


def base(image: str) -> str:
    """Return the topic that image_transport derives a compressed one from."""
    return image.removesuffix("/compressed")


def sibling(image: str) -> str:
    """Return the camera_info topic that belongs to an image topic by its name."""
    return base(image).rpartition("/")[0] + "/camera_info"


def _only(recording: Recording) -> str:
    """Return the image topic of the only camera, colour before grey, raw before compressed."""
    kinds = {name: topic.kind for name, topic in recording.topics.items()}
    with_info = [
        name
        for name, kind in kinds.items()
        if kind in (IMAGE, COMPRESSED) and kinds.get(sibling(name)) == INFO
    ]
    encodings = {name: _encoding(recording, name) for name in with_info}
    usable = [name for name in with_info if encodings[name] in COLOUR_ENCODINGS]
    colour = [name for name in usable if encodings[name] not in _GREY]
    grey = [name for name in usable if encodings[name] != "mono16"]
    candidates = colour or grey
    raw = [n for n in candidates if base(n) == n or base(n) not in candidates]
    if len(raw) != 1:
        listed = ", ".join(candidates) or "none with a camera_info beside it"
        everything = ", ".join(f"{n} ({k})" for n, k in kinds.items() if k in (IMAGE, COMPRESSED))
        raise BagError(
            f"the camera is to be named (--image, --camera-info), candidates are: {listed}; "
            f"all images: {everything or 'none'}"
        )
    return raw[0]


def _encoding(recording: Recording, topic: str) -> str:
    """Return what a topic's first image holds; empty where there is none, depth as such."""
    record = next(recording.records([topic]), None)
    if record is None:
        return ""
    try:
        message: Any = TYPESTORE.deserialize_cdr(record.data, record.kind)
    except Exception:  # whatever a parser makes of damaged bytes
        return ""
    if record.kind == IMAGE:
        return str(message.encoding)
    stored_as = message.format.partition(";")[0].strip()
    if "compressedDepth" in message.format or stored_as in ("16UC1", "32FC1"):
        return "depth"
    # Without image_transport's prefix it only says jpeg or png.
    return stored_as if stored_as in COLOUR_ENCODINGS else "rgb8"


def _check(recording: Recording, topic: str, kinds: tuple[str, ...]) -> None:
    topics = recording.topics
    if topic in topics and topics[topic].kind in kinds:
        return
    candidates = [name for name, each in topics.items() if each.kind in kinds]
    what = f"is {topics[topic].kind}" if topic in topics else "is not in the bag"
    raise BagError(
        f"{topic} {what}, expected {' or '.join(kinds)}: {', '.join(candidates) or 'there is none'}"
    )
