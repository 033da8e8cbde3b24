# ruff: noqa: D102 - the fields are documented in sensor_msgs
"""sensor_msgs/PointCloud2: reading of points, and the layout of published clouds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from depth_ros.errors import MessageError
from depth_ros.messages.data import Bytes, Data, Samples


class PointField(Protocol):
    """sensor_msgs/PointField."""

    name: str
    offset: int
    datatype: int


class PointCloud2(Protocol):
    """sensor_msgs/PointCloud2."""

    height: int
    width: int
    point_step: int
    row_step: int

    @property
    def fields(self) -> Iterable[PointField]: ...
    @property
    def is_bigendian(self) -> int: ...
    @property
    def data(self) -> Data: ...


@dataclass(frozen=True)
class CloudField:
    """The fields of a sensor_msgs/PointField."""

    name: str
    offset: int
    datatype: int
    count: int = 1


class CloudPoints(NamedTuple):
    """The points of a cloud: (N, ...), or (H, W, ...) if it is organised.

    Attributes:
        xyz: float32 (..., 3), metres.
        rgb: uint8 (..., 3), or None if the cloud has no colours.
    """

    xyz: npt.NDArray[np.float32]
    rgb: Bytes | None


# NumPy's names for the datatypes of sensor_msgs/PointField, and the allowed ones of each field.
_DATATYPES: dict[int, str] = {6: "u4", 7: "f4", 8: "f8"}
_FLOAT32 = 7
_ALLOWED: dict[str, tuple[int, ...]] = {
    "x": (7, 8),
    "y": (7, 8),
    "z": (7, 8),
    "rgb": (6, 7),
    "rgba": (6, 7),
}


def cloud_fields(colour: bool) -> tuple[CloudField, ...]:
    """Return the fields of published clouds: float32 x y z, and rgb with colour.

    rgb is the float32 whose bits are 0x00RRGGBB, the layout of PCL and RViz.
    """
    names = ("x", "y", "z", "rgb") if colour else ("x", "y", "z")
    return tuple(CloudField(name, 4 * i, _FLOAT32) for i, name in enumerate(names))


def point_step(colour: bool) -> int:
    """Return the bytes of one point in the layout of cloud_fields: 12, or 16 with colour."""
    return 4 * len(cloud_fields(colour))


def cloud_content(payload: Bytes) -> dict[str, Any]:
    """Return the fields of a sensor_msgs/PointCloud2 except its header.

    Args:
        payload: uint8 (H, W, bytes) of an organised cloud, otherwise (N, bytes), in a layout of
            cloud_fields; it becomes data.
    """
    *size, step = payload.shape
    organised = len(size) == 2
    height, width = size if organised else (1, *size)
    return {
        "height": height,
        "width": width,
        "fields": cloud_fields(step == point_step(colour=True)),
        "is_bigendian": False,
        "point_step": step,
        "row_step": width * step,
        "data": payload,
        "is_dense": not organised,
    }


def points_from_cloud(msg: PointCloud2) -> CloudPoints:
    """Return the points of a sensor_msgs/PointCloud2, copied; one of height 1 gives (N, ...).

    Reads x, y and z (float32, float64) and rgb or rgba (packed 0xAARRGGBB in a float32 or uint32)
    at any offset, padding and byte order. Other fields are ignored.

    Raises:
        MessageError: x, y or z is missing, a field has another type, or the sizes contradict each
            other.
    """
    table = _point_table(msg)
    if msg.height == 1:
        table = table[0]
    xyz = np.stack([table["x"], table["y"], table["z"]], axis=-1).astype(np.float32, copy=False)
    colour = next((name for name in ("rgb", "rgba") if name in (table.dtype.names or ())), None)
    return CloudPoints(xyz, _unpacked(table[colour]) if colour else None)


def _point_table(msg: PointCloud2) -> Samples:
    """Return the cloud's points (H, W) as a structured view of its data."""
    fields = {field.name: field for field in msg.fields if field.name in _ALLOWED}
    missing = [name for name in "xyz" if name not in fields]
    if missing:
        raise MessageError(f"cloud has no field {' or '.join(missing)}, expected x, y and z")
    order = ">" if msg.is_bigendian else "<"
    formats = [order + _field_format(field, msg.point_step) for field in fields.values()]
    data = np.frombuffer(msg.data, np.uint8)
    if msg.row_step < msg.width * msg.point_step or data.size != msg.height * msg.row_step:
        raise MessageError(
            f"{msg.width}x{msg.height} cloud with point_step {msg.point_step} and row_step "
            f"{msg.row_step} has {data.size} bytes, expected height * row_step, and row_step of at "
            "least width * point_step"
        )
    dtype = np.dtype(
        {
            "names": list(fields),
            "formats": formats,
            "offsets": [field.offset for field in fields.values()],
            "itemsize": msg.point_step,
        }
    )
    strides = (msg.row_step, msg.point_step)
    table: Samples = np.ndarray((msg.height, msg.width), dtype, data, strides=strides)
    return table


def _field_format(field: PointField, point_step: int) -> str:
    if field.datatype not in _ALLOWED[field.name]:
        raise MessageError(
            f"cloud field '{field.name}' has datatype {field.datatype}, expected one of "
            f"{_ALLOWED[field.name]} of sensor_msgs/PointField"
        )
    # Packed colours are read as bits, not as a float number.
    name = _DATATYPES[field.datatype] if field.name in "xyz" else "u4"
    if field.offset + np.dtype(name).itemsize > point_step:
        raise MessageError(
            f"cloud field '{field.name}' at offset {field.offset} does not fit point_step "
            f"{point_step}"
        )
    return name


def _unpacked(packed: npt.NDArray[np.uint32]) -> Bytes:
    return np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=-1).astype(np.uint8)
