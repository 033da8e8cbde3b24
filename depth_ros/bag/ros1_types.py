"""Turn messages of ROS 1 into those of ROS 2, type by type."""

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
_ANY = ("", "*")  # digests that say nothing
_MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"  # the digest of std_msgs/Empty


class Ros1Type:
    """A type of ROS 1, as one topic of a bag defines it.

    What ROS 2 lays out alike takes ROS 2's definition, others keep their own.

    Args:
        kind: its name in the bag.
        given: its definition there; the digest is ROS 1's MD5.

    Attributes:
        kind: its name in ROS 2.
        definition: for ROS 2.

    Raises:
        BagError: nothing defines it.
    """

    def __init__(self, kind: str, given: Definition) -> None:
        self.kind = _RENAMED.get(full_name(kind), full_name(kind))
        try:
            own = _with_parts(self.kind, _fields(full_name(kind), given))
            self._typestore = _typestore(own)
            self.definition = generate(self._typestore, self.kind)
        except Exception as error:  # whatever a parser makes of damaged text
            raise BagError(f"its definition of {kind} cannot be used: {error}") from error

    def cdr(self, data: bytes) -> bytes:
        """Return a message as ROS 2 serialises it; whatever is raised, it does not fit the type."""
        return bytes(self._typestore.ros1_to_cdr(data, self.kind))


def _fields(kind: str, given: Definition) -> Mapping[str, Any]:
    """Return the fields of a type and of its parts: ROS's own where the digest says so.

    They are ROS's own too where the bag says nothing but a name of ROS's.
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
    # Names do not matter on the wire: CameraInfo's D, K, R, P are ROS 2's d, k, r, p. A header
    # has lost its seq on the way, which rosbags knows.
    for name in [name for name in own if name in known]:
        alike = [kind for _, kind in own[name][1]] == [kind for _, kind in known[name][1]]
        if alike or name == _HEADER:
            own[name] = known[name]
    typestore = get_typestore(Stores.EMPTY)
    typestore.register(own)
    return typestore


def _with_parts(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a type and those that it is made of; ROS 2's own where nothing else is said."""
    found: dict[str, Any] = {}
    left = [kind]
    while left:
        name = left.pop()
        if name not in found:
            found[name] = fields[name] if name in fields else TYPESTORE.fielddefs[name]
            left += [part for _, field in found[name][1] for part in _names(field)]
    return found


def _names(field: Any) -> list[str]:
    """Return the types that a field's description names."""
    node, detail = field
    if node.name == "NAME":
        return [detail]
    return [] if node.name == "BASE" else _names(detail[0])
