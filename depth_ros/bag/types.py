"""What a bag says of its topics: types and their definitions, and quality of service."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from rosbags.interfaces import (
    MessageDefinition,
    MessageDefinitionFormat,
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
"""The message types of ROS 2 Jazzy, whose serialisation is that of every ROS 2."""

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


class Topic(NamedTuple):
    """A topic of a bag, with all that a player has to know of it.

    Attributes:
        definition: the type's definition, .msg or .idl, with those of the types that it is made of.
        digest: the definition's RIHS01 hash.
        qos: what its publishers offered.
    """

    name: str
    kind: str
    definition: str
    digest: str
    qos: tuple[Qos, ...] = ()


def standard(name: str, kind: str, *qos: Qos) -> Topic:
    """Return a topic of a type of ROS 2's own, such as sensor_msgs/msg/Image."""
    return Topic(name, kind, *generate(TYPESTORE, kind), qos)


@cache
def generate(typestore: Typestore, kind: str) -> tuple[str, str]:
    """Return a type's definition and its digest."""
    return typestore.generate_msgdef(kind, ros_version=2)[0], typestore.hash_rihs01(kind)


@cache
def definition(kind: str, given: MessageDefinition, digest: str) -> tuple[str, str] | None:
    """Return a type's definition and digest as a bag gives them, or else as ROS 2 knows them.

    Returns:
        None where neither says anything of the type.
    """
    if given.format is MessageDefinitionFormat.NONE or not given.data:
        return generate(TYPESTORE, kind) if kind in TYPESTORE.fielddefs else None
    return given.data, digest or _digest(kind, given)


def _digest(kind: str, given: MessageDefinition) -> str:
    typestore = get_typestore(Stores.EMPTY)
    if given.format is MessageDefinitionFormat.MSG:
        typestore.register(get_types_from_msg(given.data, kind))
    else:
        for part in given.data.split("=" * 80 + "\n"):
            typestore.register(get_types_from_idl(part.partition("\n")[2]) if part else {})
    return typestore.hash_rihs01(kind)
