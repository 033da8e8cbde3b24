"""Convert ROS 1 messages to ROS 2, type by type."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from depth_ros.bag.types import TYPESTORE, Definition, full_name, generate
from depth_ros.errors import BagError

_RENAMED = {"tf/msg/tfMessage": "tf2_msgs/msg/TFMessage"}
_HEADER = "std_msgs/msg/Header"
_ANY = ("", "*")  # digests that match any definition
_MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"  # the digest of std_msgs/Empty


class Ros1Type:
    """A ROS 1 type, as defined for one topic of a bag.

    Types with the same layout in ROS 2 get ROS 2's definition, others keep their own.

    Args:
        kind: its name in the bag.
        given: its definition there; the digest is ROS 1's MD5.

    Attributes:
        kind: its name in ROS 2.
        definition: for ROS 2.

    Raises:
        BagError: its definition is missing or unusable.
    """

    def __init__(self, kind: str, given: Definition) -> None:
        self.kind = _RENAMED.get(full_name(kind), full_name(kind))
        try:
            own = _with_parts(self.kind, _fields(full_name(kind), given))
            self._typestore = _typestore(own)
            self.definition = generate(self._typestore, self.kind)
        except Exception as error:  # a parser may raise anything on damaged text
            raise BagError(f"its definition of {kind} cannot be used: {error}") from error

    def cdr(self, data: bytes) -> bytes:
        """Return a message in CDR; any error means that the data do not match the type."""
        return bytes(self._typestore.ros1_to_cdr(data, self.kind))


def _fields(kind: str, given: Definition) -> Mapping[str, Any]:
    """Return the fields of a type and of its parts.

    They are Noetic's if the digest matches, or if the bag contains only the name of a Noetic type.
    """
    noetic = _noetic()
    if given.digest == _MD5_OF_NOTHING:
        return {kind: ([], [])}
    known = kind in noetic.fielddefs
    if known and given.digest == noetic.generate_msgdef(kind, ros_version=1)[1]:
        return noetic.fielddefs
    if known and not given.text.strip() and given.digest in _ANY:
        return noetic.fielddefs
    if not given.text.strip():
        raise ValueError("it is empty")
    return get_types_from_msg(given.text, kind)


@cache
def _noetic() -> Typestore:
    return get_typestore(Stores.ROS1_NOETIC)


def _typestore(own: dict[str, Any]) -> Typestore:
    known = TYPESTORE.fielddefs
    # Field names are not serialised: CameraInfo's D, K, R, P are d, k, r, p in ROS 2. ROS 2's
    # header has no seq; rosbags removes it.
    for name in [name for name in own if name in known]:
        alike = [kind for _, kind in own[name][1]] == [kind for _, kind in known[name][1]]
        if alike or name == _HEADER:
            own[name] = known[name]
    typestore = get_typestore(Stores.EMPTY)
    typestore.register(own)
    return typestore


def _with_parts(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a type and the types of its fields; ROS 2's where fields does not define them."""
    found: dict[str, Any] = {}
    left = [kind]
    while left:
        name = left.pop()
        if name not in found:
            found[name] = fields[name] if name in fields else TYPESTORE.fielddefs[name]
            left += [part for _, field in found[name][1] for part in _names(field)]
    return found


def _names(field: Any) -> list[str]:
    """Return the names of the types in a field's description."""
    node, detail = field
    if node.name == "NAME":
        return [detail]
    return [] if node.name == "BASE" else _names(detail[0])
