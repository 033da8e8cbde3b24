"""Type supports of ROS messages: their C structures, as far as a new type needs them.

The layouts are those of Jazzy and Kilted: rosidl 4.6 and 4.9, rosidl_typesupport_fastrtps 3.6 and
3.8, from their headers.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_bool, c_char_p, c_size_t, c_uint8, c_uint32, c_uint64
from typing import Any, TypeVar

FASTRTPS, INTROSPECTION = b"rosidl_typesupport_fastrtps_c", b"rosidl_typesupport_introspection_c"

_Pointer = ctypes.c_void_p
_Get = ctypes.CFUNCTYPE(_Pointer, _Pointer)
_Find = ctypes.CFUNCTYPE(_Pointer, _Pointer, c_char_p)
_kept: list[Any] = []
"""What C code has a pointer to: ROS expects a type support to exist until the process ends."""


class Handle(Structure):
    """rosidl_message_type_support_t of rosidl_runtime_c."""

    _fields_ = (
        ("identifier", _Pointer),  # compared by address
        ("data", _Pointer),
        ("find", _Find),
        ("type_hash", _Get),
        ("description", _Get),
        ("sources", _Get),
    )


class Callbacks(Structure):
    """message_type_support_callbacks_t of rosidl_typesupport_fastrtps_cpp."""

    _fields_ = (("namespace", c_char_p), ("name", c_char_p), ("functions", _Pointer * 5))


class Member(Structure):
    """MessageMember of rosidl_typesupport_introspection_c."""

    _fields_ = (
        ("name", c_char_p),
        ("type_id", c_uint8),
        ("string_upper_bound", c_size_t),
        ("members", _Pointer),
        ("is_key", c_bool),
        ("is_array", c_bool),
        ("array_size", c_size_t),
        ("is_upper_bound", c_bool),
        ("offset", c_uint32),
        ("default_and_functions", _Pointer * 7),
    )


class Members(Structure):
    """MessageMembers of rosidl_typesupport_introspection_c."""

    _fields_ = (
        ("namespace", c_char_p),
        ("name", c_char_p),
        ("count", c_uint32),
        ("size_of", c_size_t),
        ("has_any_key_member", c_bool),
        ("members", POINTER(Member)),
        ("functions", _Pointer * 2),
    )


class Hash(Structure):
    """rosidl_type_hash_t of rosidl_runtime_c: RIHS01 has version 1."""

    _fields_ = (("version", c_uint8), ("value", c_uint8 * 32))


class String(Structure):
    """rosidl_runtime_c__String."""

    _fields_ = (("data", c_char_p), ("size", c_size_t), ("capacity", c_size_t))

    @classmethod
    def of(cls, text: str) -> String:
        """Return a string with its own bytes."""
        data = text.encode()
        return cls(data, len(data), len(data) + 1)


class Field(Structure):
    """Field of type_description_interfaces, with the parts of its FieldType."""

    _fields_ = (
        ("name", String),
        ("type_id", c_uint8),
        ("capacity", c_uint64),
        ("string_capacity", c_uint64),
        ("nested_type_name", String),
        ("default_value", String),
    )


class Fields(Structure):
    """A sequence of Field."""

    _fields_ = (("data", POINTER(Field)), ("size", c_size_t), ("capacity", c_size_t))


class Type(Structure):
    """IndividualTypeDescription of type_description_interfaces."""

    _fields_ = (("name", String), ("fields", Fields))


class Types(Structure):
    """A sequence of Type."""

    _fields_ = (("data", POINTER(Type)), ("size", c_size_t), ("capacity", c_size_t))


class Description(Structure):
    """TypeDescription of type_description_interfaces."""

    _fields_ = (("type", Type), ("referenced", Types))


AnyStructure = TypeVar("AnyStructure", bound=Structure)


def handle(message: Any) -> Handle:
    """Return the type support of an installed message class."""
    metaclass = message.__class__
    if metaclass._TYPE_SUPPORT is None:
        metaclass.__import_type_support__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = _Pointer, [ctypes.py_object, c_char_p]
    return Handle.from_address(pointer(metaclass._TYPE_SUPPORT, None))


def capsule(handle: Handle) -> Any:
    """Return a type support as rclpy expects it from a message class."""
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [_Pointer, c_char_p, _Pointer]
    return new(ctypes.addressof(keep(handle)), None, None)


def find(handle: Handle, identifier: bytes) -> Handle:
    """Return a type support's part for one kind of middleware: FASTRTPS or INTROSPECTION."""
    return Handle.from_address(handle.find(ctypes.addressof(handle), identifier))


def copy(structure: AnyStructure) -> AnyStructure:
    """Return a copy that C code may have a pointer to."""
    return keep(type(structure).from_buffer_copy(structure))


def keep(what: AnyStructure) -> AnyStructure:
    """Return what is given, and keep it for C code until the process ends."""
    _kept.append(what)
    return what


def getter(structure: Structure) -> Any:
    """Return a C function that returns a pointer to a structure, whatever it is called with."""
    address = ctypes.addressof(keep(structure))
    _kept.append(function := _Get(lambda _: address))
    return function


def finder(handles: dict[bytes, Handle]) -> Any:
    """Return a C function that returns a pointer to the handle with an identifier, or NULL."""
    addresses = {name: ctypes.addressof(keep(each)) for name, each in handles.items()}
    _kept.append(function := _Find(lambda _, identifier: addresses.get(identifier)))
    return function
