"""tf2_msgs/TFMessage without tf2_msgs, which has no wheel: a class for serialised messages."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib import metadata

import rclpy
from geometry_msgs.msg import Polygon, TransformStamped

from depth_ros.bag.types import TYPESTORE
from depth_ros.ros import type_support as c

KIND = "tf2_msgs/msg/TFMessage"

_RMW = "rmw_fastrtps_cpp"
_WHEEL, _VERSIONS = "ros-rosidl-typesupport-introspection-c", ("4.6.", "4.9.")  # Jazzy, Kilted
_UNUSED = ("_CREATE_ROS_MESSAGE", "_CONVERT_FROM_PY", "_CONVERT_TO_PY", "_DESTROY_ROS_MESSAGE")


@cache
def tf_message() -> type | None:
    """Return a class of TFMessage that rclpy takes for serialised messages: bytes, and raw=True.

    None on other installations than the wheels of Jazzy and Kilted: tf2_msgs can be installed
    there, and the C structures may have other layouts.
    """
    try:
        known = metadata.version(_WHEEL).startswith(_VERSIONS)
    except metadata.PackageNotFoundError:
        return None
    if not known or rclpy.get_rmw_implementation_identifier() != _RMW:
        return None
    attributes = dict.fromkeys(_UNUSED, "only for serialised messages")
    attributes["_TYPE_SUPPORT"] = c.capsule(_type_support())  # rclpy asks the class of the class
    kind: type = type("Metaclass_TFMessage", (type,), attributes)("TFMessage", (), {})
    return kind


def _type_support() -> c.Handle:
    """Return a type support, made of that of a type with the same structure.

    geometry_msgs/Polygon is one unbounded sequence of messages, too. Copies of its structures get
    other names and the type of the elements. The functions that serialise remain those of Polygon:
    nothing calls them for serialised messages.
    """
    template, element = c.handle(Polygon), c.handle(TransformStamped)
    fastrtps, introspection = _fastrtps(template), _introspection(template, element)
    handle = c.copy(template)
    handle.find = c.finder({c.FASTRTPS: fastrtps, c.INTROSPECTION: introspection})
    digest = bytes.fromhex(TYPESTORE.hash_rihs01(KIND).removeprefix("RIHS01_"))
    getters = {
        "type_hash": c.getter(c.Hash(1, (ctypes.c_uint8 * 32)(*digest))),
        "description": c.getter(_description(template, element)),
        "sources": c.getter(c.Types()),  # an empty sequence: there is no source file
    }
    for each in (handle, fastrtps, introspection):
        for name, getter in getters.items():
            setattr(each, name, getter)
    return handle


def _fastrtps(template: c.Handle) -> c.Handle:
    handle = c.copy(c.find(template, c.FASTRTPS))
    callbacks = c.copy(c.Callbacks.from_address(handle.data))
    callbacks.namespace, callbacks.name = b"tf2_msgs::msg", b"TFMessage"
    handle.data = ctypes.addressof(callbacks)
    return handle


def _introspection(template: c.Handle, element: c.Handle) -> c.Handle:
    handle = c.copy(c.find(template, c.INTROSPECTION))
    members = c.copy(c.Members.from_address(handle.data))
    members.namespace, members.name = b"tf2_msgs__msg", b"TFMessage"
    member = c.copy(members.members[0])
    member.name = b"transforms"
    member.members = ctypes.addressof(c.find(element, c.INTROSPECTION))
    members.members = ctypes.pointer(member)
    handle.data = ctypes.addressof(members)
    return handle


def _description(template: c.Handle, element: c.Handle) -> c.Description:
    of_template, of_element = (
        c.Description.from_address(each.description(ctypes.addressof(each)))
        for each in (template, element)
    )
    field = c.copy(of_template.type.fields.data[0])
    field.name, field.nested_type_name = c.String.of("transforms"), of_element.type.name
    others = of_element.referenced
    types = sorted((of_element.type, *others.data[: others.size]), key=lambda each: each.name.data)
    count = len(types)
    fields = c.Fields(ctypes.pointer(field), 1, 1)
    referenced = c.Types((c.Type * count)(*types), count, count)
    return c.Description(c.Type(c.String.of(KIND), fields), referenced)
