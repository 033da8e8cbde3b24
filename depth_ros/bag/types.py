"""Topics of bags: their types with definitions, and quality of service."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

TYPESTORE = get_typestore(Stores.ROS2_JAZZY)
"""The message types of ROS 2 Jazzy, whose serialisation is that of every ROS 2, and of video."""

FFMPEG, FOXGLOVE = (
    "ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
    "foxglove_msgs/msg/CompressedVideo",
)
_VIDEO = {
    FFMPEG: "std_msgs/Header header\nint32 width\nint32 height\nstring encoding\nuint64 pts\n"
    "uint8 flags\nbool is_bigendian\nuint8[] data\n",
    FOXGLOVE: "builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format\n",
}
for _kind, _text in _VIDEO.items():
    TYPESTORE.register(get_types_from_msg(_text, _kind))

_FOREVER = QosTime(9223372036, 854775807)  # RMW_DURATION_INFINITE


def _qos(depth: int, durability: QosDurability) -> Qos:
    return Qos(
        QosHistory.KEEP_LAST,
        depth,
        QosReliability.RELIABLE,
        durability,
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )


RELIABLE = _qos(10, QosDurability.VOLATILE)
"""What satisfies every subscriber."""
LATCHED = _qos(1, QosDurability.TRANSIENT_LOCAL)
"""What ROS 1 calls latched: who comes late still gets the last message."""


class Definition(NamedTuple):
    """A type's definition, with those of the types that it is made of, as a bag keeps it.

    Attributes:
        text: empty where nothing is known of it.
        encoding: what the text is: ros2msg, ros2idl, omgidl; empty without a text.
        digest: the type's RIHS01 hash; empty where it is not known.
    """

    text: str = ""
    encoding: str = ""
    digest: str = ""


class Topic(NamedTuple):
    """A topic of a bag, with all that a player has to know of it.

    Attributes:
        kind: its type, such as sensor_msgs/msg/Image.
        definition: of the type.
        qos: what its publishers offered.
    """

    name: str
    kind: str
    definition: Definition
    qos: tuple[Qos, ...] = ()


def standard(name: str, kind: str, *qos: Qos) -> Topic:
    """Return a topic of a type of ROS 2's own, such as sensor_msgs/msg/Image."""
    return Topic(name, kind, generate(TYPESTORE, kind), qos)


def full_name(kind: str) -> str:
    """Return the name of a type as ROS 2 says it, whoever has written it.

    std_msgs/String, as ROS 1 and some bridges say, and std_msgs::msg::dds_::String_, as DDS does,
    are std_msgs/msg/String.
    """
    parts = [part for part in kind.replace("::", "/").split("/") if part not in ("", "dds_")]
    if "dds_" in kind:
        parts[-1] = parts[-1].removesuffix("_")
    if len(parts) == 2:
        parts.insert(1, "msg")
    return "/".join(parts)


@cache
def generate(typestore: Typestore, kind: str) -> Definition:
    """Return a type's definition as a typestore knows it."""
    text = typestore.generate_msgdef(kind, ros_version=2)[0]
    return Definition(text, "ros2msg", typestore.hash_rihs01(kind))


@cache
def checked(kind: str, given: Definition) -> Definition:
    """Return what a bag says of a type, with its digest; a bag that says nothing usable is no loss.

    Where the text is missing or cannot be read, types of ROS 2's own have that of ROS 2, and others
    keep what there is: messages are copied as bytes, and nobody has to understand them for that.
    """
    try:
        digest = _digest(kind, given)
    except Exception:  # whatever a parser makes of damaged text
        return generate(TYPESTORE, kind) if kind in TYPESTORE.fielddefs else given
    return given._replace(digest=given.digest or digest)


def _digest(kind: str, given: Definition) -> str:
    typestore = get_typestore(Stores.EMPTY)
    if not given.text:
        raise ValueError("there is no definition")
    if given.encoding == "ros2msg":
        typestore.register(get_types_from_msg(given.text, kind))
    else:
        for part in given.text.split("=" * 80 + "\n"):
            typestore.register(get_types_from_idl(part.partition("\n")[2]) if part else {})
    return typestore.hash_rihs01(kind)
