"""Messages of both kinds, rclpy's and rosbags', and images in every encoding."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

quick = settings(max_examples=40, deadline=None)


class Maker(Protocol):
    """Make a message of a type of sensor_msgs from some of its fields, the others zero."""

    def __call__(self, name: str, /, **fields: Any) -> Any: ...


def rclpy_maker() -> Maker:
    module = pytest.importorskip("sensor_msgs.msg")

    def make(name: str, /, **fields: Any) -> Any:
        if isinstance(fields.get("data"), np.ndarray):
            fields["data"] = array("B", fields["data"].tobytes())
        return getattr(module, name)(**fields)

    return make


def rosbags_maker() -> Maker:
    typesys = pytest.importorskip("rosbags.typesys")
    types = typesys.get_typestore(typesys.Stores.ROS2_JAZZY).types
    empty: dict[str, Any] = {"encoding": "", "format": "", "distortion_model": "", "fields": []}
    empty |= {name: np.zeros(size) for name, size in {"d": 0, "k": 9, "r": 9, "p": 12}.items()}

    def make(name: str, /, **fields: Any) -> Any:
        cls = types[f"sensor_msgs/msg/{name}"]
        nested = {"header": lambda: header(1, 2), "roi": lambda: make("RegionOfInterest")}
        for field in cls.__dataclass_fields__:
            if field not in fields:
                fields[field] = nested[field]() if field in nested else empty.get(field, 0)
        for field in ("d", "k", "r", "p"):
            if field in fields:
                fields[field] = np.array(fields[field], np.float64)
        return cls(**fields)

    def header(sec: int, nanosec: int) -> Any:
        time = types["builtin_interfaces/msg/Time"](sec, nanosec)
        return types["std_msgs/msg/Header"](time, "camera")

    return make


def plain(name: str, /, **fields: Any) -> Any:
    """Make a message of no library, for tests that do not depend on it."""
    return SimpleNamespace(**fields)


# --- encoding images, from the definitions in sensor_msgs/image_encodings.hpp and V4L2


def rounded(values: Floats) -> Bytes:
    return np.rint(values).astype(np.uint8)


def gray(rgb: Bytes) -> Bytes:
    mean: Floats = rgb.astype(np.float64).mean(axis=-1)
    return rounded(mean)


def mosaic(pattern: str) -> Callable[[Bytes], Bytes]:
    """Sample one colour per pixel: pattern[0] at (0, 0), [1] at (0, 1), [2] at (1, 0), ..."""

    def encode(rgb: Bytes) -> Bytes:
        raw = np.empty(rgb.shape[:2], np.uint8)
        for index, colour in enumerate(pattern):
            row, column = divmod(index, 2)
            raw[row::2, column::2] = rgb[row::2, column::2, "rgb".index(colour)]
        return raw

    return encode


def yuv(rgb: Bytes) -> Floats:
    """BT.601, video range."""
    r, g, b = np.moveaxis(rgb.astype(np.float64), -1, 0) / 255
    y = 0.299 * r + 0.587 * g + 0.114 * b
    u, v = (b - y) / 1.772, (r - y) / 1.402
    planes: Floats = np.stack([16 + 219 * y, 128 + 224 * u, 128 + 224 * v], axis=-1)
    return np.rint(planes)


def packed_422(order: str) -> Callable[[Bytes], Bytes]:
    def encode(rgb: Bytes) -> Bytes:
        planes = yuv(rgb)
        pairs = planes.reshape(len(planes), -1, 2, 3)
        sources = {
            "Y": pairs[..., 0, 0],
            "y": pairs[..., 1, 0],
            "U": pairs[..., 1].mean(axis=2),
            "V": pairs[..., 2].mean(axis=2),
        }
        packed: Floats = np.stack([sources[name] for name in order], axis=-1)
        return rounded(packed)

    return encode


def planar_420(order: str) -> Callable[[Bytes], Bytes]:
    def encode(rgb: Bytes) -> Bytes:
        height, width = rgb.shape[:2]
        planes = yuv(rgb)
        quarter = planes.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
        colours = quarter[..., ["YUV".index(name) for name in order]].reshape(height // 2, width)
        rows: Floats = np.concatenate([planes[..., 0], colours])
        return rounded(rows)

    return encode


def planar_444(rgb: Bytes) -> Bytes:
    """Y, and below it U and V in turn: rows of twice as many bytes, here as two rows each."""
    planes = yuv(rgb)
    rows: Floats = np.concatenate([planes[..., 0], planes[..., 1:].reshape(-1, rgb.shape[1])])
    return rounded(rows)


def three_planes(order: str) -> Callable[[Bytes], Bytes]:
    """Y, and below it one colour and then the other: rows of half as many bytes, two in a row."""

    def encode(rgb: Bytes) -> Bytes:
        height, width = rgb.shape[:2]
        interleaved = planar_420(order)(rgb)
        colours = interleaved[height:].reshape(-1, 2).T.reshape(-1, width)
        return np.concatenate([interleaved[:height], colours])

    return encode


def with_alpha(order: list[int]) -> Callable[[Bytes], Bytes]:
    def encode(rgb: Bytes) -> Bytes:
        alpha = np.full(rgb.shape[:2], 77, np.uint8)
        return np.concatenate([rgb[..., order], alpha[..., None]], axis=-1)

    return encode


EIGHT_BIT: dict[str, Callable[[Bytes], Bytes]] = {
    "rgb8": lambda rgb: rgb,
    "bgr8": lambda rgb: rgb[..., ::-1],
    "rgba8": with_alpha([0, 1, 2]),
    "bgra8": with_alpha([2, 1, 0]),
    "mono8": gray,
    "8UC1": gray,
    "bayer_rggb8": mosaic("rggb"),
    "bayer_bggr8": mosaic("bggr"),
    "bayer_gbrg8": mosaic("gbrg"),
    "bayer_grbg8": mosaic("grbg"),
    "yuv422": packed_422("UYVy"),
    "uyvy": packed_422("UYVy"),
    "yuv422_yuy2": packed_422("YUyV"),
    "yuyv": packed_422("YUyV"),
    "nv12": planar_420("UV"),
    "nv21": planar_420("VU"),
    "nv24": planar_444,
    "YUV420": three_planes("UV"),
    "I420": three_planes("UV"),
    "i420": three_planes("UV"),
    "YV12": three_planes("VU"),
    "yv12": three_planes("VU"),
    "8UC3": lambda rgb: rgb[..., ::-1],
    "8UC4": with_alpha([2, 1, 0]),
}
# Bytes of a row of the colours below an image over bytes of a row of the image.
COLOUR_ROWS = {"nv12": 1.0, "nv21": 1.0, "nv24": 2.0} | dict.fromkeys(
    ("YUV420", "I420", "i420", "YV12", "yv12"), 0.5
)
GREY = ("mono8", "mono16", "8UC1")
EXACT = ("rgb", "bgr", "rgba", "bgra")


def samples_of(rgb: Bytes, encoding: str) -> npt.NDArray[Any]:
    if encoding.endswith("16"):
        return EIGHT_BIT[encoding[:-2] + "8"](rgb).astype(np.uint16) * 257
    return EIGHT_BIT[encoding](rgb)


def image(
    make: Maker,
    samples: npt.NDArray[Any],
    encoding: str,
    size: tuple[int, int],
    padding: int = 0,
    bigendian: bool = False,
) -> Any:
    """Make an Image of size (height, width) whose rows end with `padding` bytes of rubbish."""
    wire = samples.astype(samples.dtype.newbyteorder(">" if bigendian else "<"))
    rows = np.ascontiguousarray(wire).reshape(len(wire), -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=171)
    return make(
        "Image",
        height=size[0],
        width=size[1],
        encoding=encoding,
        is_bigendian=int(bigendian),
        step=rows.shape[1],
        data=rows.ravel(),
    )


def colour_image(
    make: Maker, rgb: Bytes, encoding: str, padding: int = 0, bigendian: bool = False
) -> Any:
    samples, (height, width) = samples_of(rgb, encoding), rgb.shape[:2]
    if encoding not in COLOUR_ROWS:
        return image(make, samples, encoding, (height, width), padding, bigendian)
    share = COLOUR_ROWS[encoding]
    padding += padding % 2
    parts = [
        np.pad(part, ((0, 0), (0, round(more * padding))), constant_values=171).ravel()
        for part, more in (
            (samples[:height], 1),
            (samples[height:].reshape(-1, round(share * width)), share),
        )
    ]
    rows = np.concatenate(parts).reshape(-1, width + padding)
    return image(make, rows, encoding, (height, width), 0, bigendian)


def gradient(height: int, width: int) -> Bytes:
    """Colours that change slowly, differently in every channel and direction."""
    v, u = np.mgrid[0:height, 0:width]
    red, green, blue = 40 + 1.5 * u, 180 - 1.5 * v, 90 + u + v
    rgb: Floats = np.stack([red, green, blue], axis=-1)
    return rounded(rgb)
