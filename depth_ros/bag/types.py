"""Topics of bags: their types with definitions, and their QoS."""

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
"""Types of ROS 2 Jazzy, serialised alike in all ROS 2 distributions, and of video packets."""

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
"""Compatible with every subscriber."""
LATCHED = _qos(1, QosDurability.TRANSIENT_LOCAL)
"""ROS 1's "latched": late subscribers get the last message."""


class Definition(NamedTuple):
    """A type's definition as stored in a bag, with those of the types of its fields.

    Attributes:
        text: the definition; empty if unknown.
        encoding: of the text: ros2msg, ros2idl, omgidl; empty without a text.
        digest: the type's RIHS01 hash; empty if unknown.
    """

    text: str = ""
    encoding: str = ""
    digest: str = ""


class Topic(NamedTuple):
    """A topic of a bag, with everything that a player needs.

    Attributes:
        kind: its type, such as sensor_msgs/msg/Image.
        definition: the type's definition.
        qos: the QoS offered by its publishers.
    """

    name: str
    kind: str
    definition: Definition
    qos: tuple[Qos, ...] = ()

    def with_qos(self, more: tuple[Qos, ...]) -> Topic:
        """Return the topic as further publishers offer it too."""
        return self._replace(qos=tuple(dict.fromkeys([*self.qos, *more])))


def standard(name: str, kind: str, *qos: Qos) -> Topic:
    """Return a topic of a type in TYPESTORE, such as sensor_msgs/msg/Image."""
    return Topic(name, kind, generate(TYPESTORE, kind), qos)


def full_name(kind: str) -> str:
    """Return ROS 2's name of a type.

    std_msgs/String (ROS 1 and some bridges) and std_msgs::msg::dds_::String_ (DDS) become
    std_msgs/msg/String.
    """
    parts = [part for part in kind.replace("::", "/").split("/") if part not in ("", "dds_")]
    if "dds_" in kind:
        parts[-1] = parts[-1].removesuffix("_")
    if len(parts) == 2:
        parts.insert(1, "msg")
    return "/".join(parts)


@cache
def generate(typestore: Typestore, kind: str) -> Definition:
    """Return a type's definition from a typestore."""
    text = typestore.generate_msgdef(kind, ros_version=2)[0]
    return Definition(text, "ros2msg", typestore.hash_rihs01(kind))


@cache
def checked(kind: str, given: Definition) -> Definition:
    """Return a bag's definition of a type, completed with its digest.

    If the text is missing or cannot be read, types of TYPESTORE get their definition from there.
    Others stay as they are: their messages can still be copied as bytes.
    """
    try:
        digest = _digest(kind, given)
    except Exception:  # a parser may raise anything on damaged text
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
