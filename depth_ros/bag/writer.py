"""Write rosbag2 (mcap), and build messages from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray
from depth_ros.bag.splits import SplitBag
from depth_ros.bag.types import TYPESTORE as TYPESTORE
from depth_ros.bag.types import standard
from depth_ros.errors import BagSettingError
from depth_ros.geometry.camera import Camera
from depth_ros.messages import CameraInfoFields, image_content


class BagWriter:
    """A new rosbag2 folder: mcap, compressed with zstd. A context manager.

    Raises:
        BagError: the folder already exists.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise BagSettingError(f"{path} already exists, expected a new folder")
        self._bag = SplitBag(path)

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._bag.finish({})

    def write(self, topic: str, message: Any, time_ns: int) -> None:
        """Write a message of a TYPESTORE type at a bag time."""
        kind = message.__msgtype__
        self.write_raw(topic, kind, TYPESTORE.serialize_cdr(message, kind), time_ns)

    def write_raw(self, topic: str, kind: str, data: bytes | memoryview, time_ns: int) -> None:
        """Write a serialised message of a type such as sensor_msgs/msg/Image."""
        self._bag.write(standard(topic, kind), time_ns, data)


def header(stamp_ns: int, frame_id: str) -> Any:
    """Return a std_msgs/Header."""
    types = TYPESTORE.types
    stamp = types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
    return types["std_msgs/msg/Header"](stamp, frame_id)


def message(kind: str, at: Any, content: dict[str, Any]) -> Any:
    """Return a message with a header and the fields of messages.image_content() and its like."""
    types = TYPESTORE.types
    fields = {"header": at, **content}
    if "data" in fields:
        fields["data"] = np.ascontiguousarray(fields["data"]).reshape(-1).view(np.uint8)
    if "fields" in fields:
        point_field = types["sensor_msgs/msg/PointField"]
        fields["fields"] = [point_field(**asdict(field)) for field in fields["fields"]]
    return types[kind](**fields)


def image(pixels: npt.NDArray[Any], encoding: str, stamp_ns: int, frame_id: str) -> Any:
    """Return a sensor_msgs/Image of an array (H, W) or (H, W, C), whose dtype fits the encoding."""
    content = image_content(pixels, encoding)
    return message("sensor_msgs/msg/Image", header(stamp_ns, frame_id), content)


def camera_info(camera: Camera, stamp_ns: int, frame_id: str) -> Any:
    """Return the sensor_msgs/CameraInfo of an unrectified or undistorted camera."""
    k = camera.matrix
    fields = CameraInfoFields(
        camera.height,
        camera.width,
        "plumb_bob" if camera.lens == "none" else camera.lens,
        camera.coefficients or (0.0,) * 5,
        tuple(k.flat),
        tuple(np.eye(3).flat),
        tuple(np.hstack([k, np.zeros((3, 1))]).flat),
    )
    return camera_info_of(fields, header(stamp_ns, frame_id))


def camera_info_of(fields: CameraInfoFields, at: Any) -> Any:
    """Return a sensor_msgs/CameraInfo with a header."""
    types = TYPESTORE.types
    said = asdict(fields)
    arrays = {name: np.array(said.pop(name), np.float64) for name in ("d", "k", "r", "p")}
    roi = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    return types["sensor_msgs/msg/CameraInfo"](
        header=at, **said, **arrays, binning_x=0, binning_y=0, roi=roi
    )


def static_transform(parent: str, child: str, transform: FloatArray, stamp_ns: int) -> Any:
    """Return a tf2_msgs/TFMessage with one transform (4x4): from child to parent coordinates."""
    types = TYPESTORE.types
    return types["tf2_msgs/msg/TFMessage"](
        [
            types["geometry_msgs/msg/TransformStamped"](
                header(stamp_ns, parent),
                child,
                types["geometry_msgs/msg/Transform"](
                    types["geometry_msgs/msg/Vector3"](*map(float, transform[:3, 3])),
                    types["geometry_msgs/msg/Quaternion"](*quaternion(transform[:3, :3])),
                ),
            )
        ]
    )


def quaternion(rotation: FloatArray) -> Sequence[float]:
    """Return the unit quaternion (x, y, z, w) of a rotation matrix.

    Source: Bar-Itzhack 2000, the eigenvector of the largest eigenvalue; without singular cases.
    """
    r = rotation
    matrix = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
            [r[0, 1] + r[1, 0], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
            [r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], r[2, 2] - r[0, 0] - r[1, 1], 0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], np.trace(r)],
        ]
    )
    # eigh reads the lower triangle only; the largest eigenvalue comes last.
    x, y, z, w = np.linalg.eigh(matrix)[1][:, -1]
    sign = 1.0 if w >= 0 else -1.0
    return [float(sign * value) for value in (x, y, z, w)]
