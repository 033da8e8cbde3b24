# ruff: noqa: D102 - what the messages' fields mean is said in sensor_msgs
"""ROS messages to arrays: Image, CompressedImage, CameraInfo and PointCloud2 (sensor_msgs).

Messages are duck-typed: rclpy's classes and rosbags' dataclasses both fit, and no ROS installation
is needed. Arrays are views of the message's own data wherever its bytes already say what is asked:
do not write to them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.errors import CameraError, MessageError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.depth import from_millimetres, to_millimetres
from depth_ros.geometry.lens import Lens

Bytes = npt.NDArray[np.uint8]
Metres = npt.NDArray[np.float32]
Samples = npt.NDArray[Any]  # of the type that a message's encoding says
Data: TypeAlias = "bytes | bytearray | memoryview | array[int] | Bytes"


class Stamp(Protocol):
    """builtin_interfaces/Time."""

    sec: int
    nanosec: int


class Header(Protocol):
    """std_msgs/Header."""

    @property
    def stamp(self) -> Stamp: ...


def stamp_ns(header: Header) -> int:
    """Return a header's stamp in nanoseconds."""
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


def check_stamp(header: Header) -> None:
    """Refuse a stamp that is no time of capture.

    Raises:
        MessageError: nanosec is a second or more, or sec is negative or the last one that there is.
    """
    stamp = header.stamp
    if not (0 <= stamp.sec < 2**31 - 1 and 0 <= stamp.nanosec < 10**9):
        raise MessageError(
            f"stamp is sec {stamp.sec}, nanosec {stamp.nanosec}, expected 0 to 2147483646 and 0 to "
            "999999999"
        )


# --- images -------------------------------------------------------------------------------------


class Image(Protocol):
    """sensor_msgs/Image."""

    height: int
    width: int
    encoding: str
    step: int

    @property
    def is_bigendian(self) -> int: ...
    @property
    def data(self) -> Data: ...


class CompressedImage(Protocol):
    """sensor_msgs/CompressedImage."""

    format: str

    @property
    def data(self) -> Data: ...


class _Encoding(NamedTuple):
    """How one encoding of sensor_msgs/image_encodings.hpp lies in memory, and what makes it RGB."""

    dtype: str
    samples: int  # per pixel of a row
    to_rgb: int | None = None  # OpenCV's code; None: it is RGB
    half_as_many_rows_more: bool = False  # a plane of colours at half resolution below the image
    multiple: tuple[int, int] = (1, 1)  # of which width and height must be


_COLOURS: dict[str, _Encoding] = {
    f"{name}{bits}": _Encoding(f"u{bits // 8}", samples, code)
    for bits in (8, 16)
    for name, samples, code in (
        ("rgb", 3, None),
        ("bgr", 3, cv2.COLOR_BGR2RGB),
        ("rgba", 4, cv2.COLOR_RGBA2RGB),
        ("bgra", 4, cv2.COLOR_BGRA2RGB),
        ("mono", 1, cv2.COLOR_GRAY2RGB),
        # ROS names the pattern by the pixels from (0, 0) on, OpenCV by those from (1, 1) on.
        ("bayer_rggb", 1, cv2.COLOR_BayerBG2RGB),
        ("bayer_bggr", 1, cv2.COLOR_BayerRG2RGB),
        ("bayer_gbrg", 1, cv2.COLOR_BayerGR2RGB),
        ("bayer_grbg", 1, cv2.COLOR_BayerGB2RGB),
    )
} | {
    "8UC1": _Encoding("u1", 1, cv2.COLOR_GRAY2RGB),
    "uyvy": _Encoding("u1", 2, cv2.COLOR_YUV2RGB_UYVY, multiple=(2, 1)),
    "yuv422": _Encoding("u1", 2, cv2.COLOR_YUV2RGB_UYVY, multiple=(2, 1)),
    "yuyv": _Encoding("u1", 2, cv2.COLOR_YUV2RGB_YUYV, multiple=(2, 1)),
    "yuv422_yuy2": _Encoding("u1", 2, cv2.COLOR_YUV2RGB_YUYV, multiple=(2, 1)),
    "nv12": _Encoding("u1", 1, cv2.COLOR_YUV2RGB_NV12, True, (2, 2)),
    "nv21": _Encoding("u1", 1, cv2.COLOR_YUV2RGB_NV21, True, (2, 2)),
}
_DEPTHS: dict[str, _Encoding] = {
    "32FC1": _Encoding("f4", 1),
    "16UC1": _Encoding("u2", 1),
    "mono16": _Encoding("u2", 1),
}

COLOUR_ENCODINGS = tuple(_COLOURS)
DEPTH_ENCODINGS = tuple(_DEPTHS)
DEPTH_PIXEL_BYTES: dict[str, int] = {"32FC1": 4, "16UC1": 2}

# The pixels as they were stored: grey stays one channel, 16 bits stay 16, and an EXIF orientation
# does not turn the image away from its camera. Only alpha is left out.
_AS_STORED = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION


def rgb_from_image(msg: Image) -> Bytes:
    """Return a colour or grey sensor_msgs/Image as rgb uint8 (H, W, 3).

    rgb8 is not copied: the array is a view of the message's data, strided if its rows are padded.
    16 bits become 8 as in cv_bridge: round(value * 255 / 65535), after the colour conversion. YUV
    is BT.601 with video range, as in OpenCV; Bayer patterns are interpolated bilinearly. 8UC1 is
    grey; 8UC3 and 8UC4 do not say which channel is red and are refused, as in cv_bridge.

    Raises:
        MessageError: the encoding is not one of COLOUR_ENCODINGS, or the sizes contradict each
            other.
    """
    encoding = _find(_COLOURS, msg.encoding)
    return _to_rgb8(_pixels(msg, encoding), encoding.to_rgb)


def check_image(msg: Image) -> None:
    """Raise what rgb_from_image() would, and convert nothing."""
    _pixels(msg, _find(_COLOURS, msg.encoding))


def rgb_from_compressed(msg: CompressedImage) -> Bytes:
    """Return a sensor_msgs/CompressedImage (JPEG, PNG) as rgb uint8 (H, W, 3).

    The colours are those that the file itself states. Of `format`, as compressed_image_transport
    writes it ("rgb8; jpeg compressed bgr8"), only a Bayer pattern that was stored uninterpolated
    ("bayer_rggb8; png compressed ") is used.

    Raises:
        MessageError: the data cannot be decoded, or it is a depth image.
    """
    check_compressed(msg)
    stored_as, _, compression = msg.format.partition(";")
    stored_as = stored_as.strip()
    pixels = _decoded(msg)
    if pixels.ndim == 3:
        return _to_rgb8(pixels, cv2.COLOR_BGR2RGB)
    is_mosaic = stored_as.startswith("bayer_") and "mono" not in compression
    return _to_rgb8(pixels, _find(_COLOURS, stored_as if is_mosaic else "mono8").to_rgb)


def check_compressed(msg: CompressedImage) -> None:
    """Raise what rgb_from_compressed() would, as far as that shows without decoding.

    Raises:
        MessageError: it is a depth image, or without data.
    """
    stored_as = msg.format.partition(";")[0].strip()
    if "compressedDepth" in msg.format or stored_as in ("16UC1", "32FC1"):
        raise MessageError(f"format is '{msg.format}', a depth image, expected colours or grey")
    if not len(msg.data):
        raise _undecodable(msg)


def depth_from_image(msg: Image) -> Metres:
    """Return a depth image (REP 118) as float32 (H, W) in metres.

    32FC1 is metres, 16UC1 and mono16 are millimetres. What is not a positive distance (0, negative,
    -inf) becomes NaN, no estimate; +inf, nothing in range, stays (REP 117).

    Raises:
        MessageError: the encoding is not one of DEPTH_ENCODINGS, or the sizes contradict each
            other.
    """
    pixels = _pixels(msg, _find(_DEPTHS, msg.encoding))
    if pixels.dtype == np.uint16:
        return from_millimetres(pixels)
    return np.where(pixels > 0, pixels, np.float32(np.nan))


def depth_to_bytes(depth_m: Metres, encoding: str, out: Data) -> None:
    """Fill `out`, the data of a little-endian depth image without padding, from depth (H, W).

    Args:
        depth_m: float32 (H, W), metres; NaN = no estimate, +inf = beyond range.
        encoding: "32FC1", the values as they are, or "16UC1", whole millimetres with 0 for all
            that is not a distance up to 65.535 m (REP 118).
        out: H * W * DEPTH_PIXEL_BYTES[encoding] writable bytes: array.array, memoryview, ndarray.

    Raises:
        MessageError: another encoding, or `out` has another size.
    """
    if encoding not in DEPTH_PIXEL_BYTES:
        raise MessageError(f"encoding is '{encoding}', expected 32FC1 or 16UC1")
    data = np.frombuffer(out, np.uint8)
    size = depth_m.size * DEPTH_PIXEL_BYTES[encoding]
    if data.size != size:
        raise MessageError(f"out has {data.size} bytes, expected {size} for {encoding}")
    if encoding == "32FC1":
        data.view("<f4").reshape(depth_m.shape)[...] = depth_m
    else:
        data.view("<u2").reshape(depth_m.shape)[...] = to_millimetres(depth_m)


def _find(known: dict[str, _Encoding], name: str) -> _Encoding:
    if name not in known:
        raise MessageError(f"encoding is '{name}', expected one of: {', '.join(known)}")
    return known[name]


def _pixels(msg: Image, encoding: _Encoding) -> Samples:
    """Return the samples (rows, W) or (rows, W, samples), native-endian, without padding."""
    rows = msg.height * 3 // 2 if encoding.half_as_many_rows_more else msg.height
    dtype = np.dtype(encoding.dtype).newbyteorder(">" if msg.is_bigendian else "<")
    row_bytes = msg.width * encoding.samples * dtype.itemsize
    data = np.frombuffer(msg.data, np.uint8)
    _check_sizes(msg, encoding, row_bytes, rows, data.size)
    pixels: Samples = data.reshape(rows, msg.step)[:, :row_bytes].view(dtype)
    if encoding.samples > 1:
        pixels = pixels.reshape(rows, msg.width, encoding.samples)
    # OpenCV misreads 16-bit samples whose rows begin at odd addresses.
    return pixels.astype(dtype.newbyteorder("="), copy=not pixels.flags.aligned)


def _check_sizes(msg: Image, encoding: _Encoding, row_bytes: int, rows: int, size: int) -> None:
    image = f"{msg.width}x{msg.height} {msg.encoding} image"
    if msg.width <= 0 or msg.height <= 0:
        raise MessageError(f"{image}: width and height are expected to be positive")
    across, down = encoding.multiple
    if msg.width % across or msg.height % down:
        raise MessageError(
            f"{image}: width and height are expected to be multiples of {across} and {down}"
        )
    if msg.step < row_bytes:
        raise MessageError(f"{image}: step is {msg.step} bytes, expected at least {row_bytes}")
    if size != rows * msg.step:
        raise MessageError(
            f"{image}: data has {size} bytes, expected {rows} rows of step {msg.step}, "
            f"{rows * msg.step} bytes"
        )


def _to_rgb8(pixels: Samples, code: int | None) -> Bytes:
    rgb: Samples = pixels if code is None else cv2.cvtColor(pixels, code)
    if rgb.dtype == np.uint16:
        rgb = cv2.convertScaleAbs(rgb, alpha=255 / 65535)
    return rgb


def _decoded(msg: CompressedImage) -> Samples:
    """Return what the file holds: grey (H, W) or bgr (H, W, 3), 8 or 16 bits."""
    # OpenCV returns None on bad data.
    pixels: Samples | None = cv2.imdecode(np.frombuffer(msg.data, np.uint8), _AS_STORED)
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise _undecodable(msg)
    return pixels


def _undecodable(msg: CompressedImage) -> MessageError:
    return MessageError(
        f"data ({len(msg.data)} bytes, format '{msg.format}') is no image that can be decoded, "
        "expected JPEG or PNG of 8 or 16 bits"
    )


# --- cameras ------------------------------------------------------------------------------------


class RegionOfInterest(Protocol):
    """sensor_msgs/RegionOfInterest."""

    x_offset: int
    y_offset: int
    height: int
    width: int


class CameraInfo(Protocol):
    """sensor_msgs/CameraInfo."""

    height: int
    width: int
    distortion_model: str
    binning_x: int
    binning_y: int

    @property
    def d(self) -> Iterable[float]: ...
    @property
    def k(self) -> Iterable[float]: ...
    @property
    def r(self) -> Iterable[float]: ...
    @property
    def p(self) -> Iterable[float]: ...
    @property
    def roi(self) -> RegionOfInterest: ...


@dataclass(frozen=True)
class CameraInfoFields:
    """The fields of a CameraInfo that describes an image as it is: no binning, no ROI."""

    height: int
    width: int
    distortion_model: str
    d: tuple[float, ...]
    k: tuple[float, ...]
    r: tuple[float, ...]
    p: tuple[float, ...]


_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

# The lens a distortion model stands for, and how many coefficients of it are used.
_LENSES: dict[str, tuple[Lens, int]] = {
    "plumb_bob": ("plumb_bob", 5),
    "rational_polynomial": ("rational_polynomial", 8),
    "equidistant": ("equidistant", 4),
    "fisheye": ("equidistant", 4),  # OpenCV's name for it
}


def camera_from_info(info: CameraInfo, rectified: bool = False) -> Camera:
    """Return the camera that took the image a sensor_msgs/CameraInfo belongs to.

    width, height, K and P describe the whole sensor; the ROI, in pixels of the whole sensor, is cut
    out first and then binned. Pixel centres are integers, so binning by b maps cx to
    (cx + 0.5) / b - 0.5. (image_geometry takes cx / b, a shift of up to half a pixel.)

    Args:
        info: a CameraInfo. Without distortion coefficients, or with zeros only, the lens is "none",
            except for equidistant: without coefficients that is still a fisheye, not a pinhole.
            "fisheye", as some drivers say, is equidistant.
        rectified: the image was rectified: P describes it, without distortion.

    Raises:
        CameraError: the camera is not calibrated, its lens is not supported, or the ROI lies
            outside the sensor.
    """
    if rectified:
        return _on_image(info, _full_camera(info, "p", info.p, "none", ()))
    return _on_image(info, _full_camera(info, "k", info.k, *_lens(info)))


def depth_info(info: CameraInfo, rectified: bool = False) -> CameraInfoFields:
    """Return the CameraInfo to publish with depth that was estimated from `info`'s image.

    The depth has the image's own geometry, pixel for pixel, so K already holds the ROI and the
    binning (pixel centres as in camera_from_info), and so does P. A missing P is K, a missing R is
    the identity. For a rectified image K is P's, and there is neither distortion nor rotation.

    Raises:
        CameraError: as camera_from_info.
    """
    camera = camera_from_info(info, rectified)
    k = _numbers(camera.matrix)
    r, p = _numbers(info.r), _projection(info) if any(info.p) else _with_column(k, 0.0, 0.0)
    model, d = info.distortion_model, _numbers(info.d)
    if rectified:
        model, d, r = "plumb_bob", (0.0,) * 5, _IDENTITY
    return CameraInfoFields(camera.height, camera.width, model, d, k, r if any(r) else _IDENTITY, p)


def _full_camera(
    info: CameraInfo,
    name: str,
    matrix: Iterable[float],
    lens: Lens,
    coefficients: tuple[float, ...],
) -> Camera:
    """Return the camera of the whole sensor, with the intrinsics of K (3x3) or P (3x4)."""
    numbers = _numbers(matrix)
    if info.width <= 0 or info.height <= 0:
        raise CameraError(
            f"camera_info has size {info.width}x{info.height}, expected that of the image: "
            "is the driver publishing its camera_info?"
        )
    if not any(numbers):
        raise CameraError(
            f"camera_info has an all-zero {name}: calibrate the camera (camera_calibration) and "
            "give its driver the result (camera_info_url)"
        )
    (fx, skew, cx), (shear, fy, cy), bottom = np.reshape(numbers, (3, -1))[:, :3].tolist()
    if skew or shear or any(bottom[:2]):
        raise CameraError(
            f"camera_info has {name} = {numbers}, expected rows that start fx 0 cx, 0 fy cy, 0 0 1"
        )
    return Camera(info.width, info.height, fx, fy, cx, cy, lens, coefficients)


def _lens(info: CameraInfo) -> tuple[Lens, tuple[float, ...]]:
    d, model = _numbers(info.d), info.distortion_model
    lens, used = _LENSES.get(model, ("none", 0))
    if lens != "equidistant" and not any(d):
        return "none", ()
    if lens == "none":
        raise CameraError(
            f"distortion_model is '{model}' with d = {d}, expected one of: {', '.join(_LENSES)}"
        )
    if any(d[used:]):
        raise CameraError(f"d = {d}, expected {used} coefficients for '{model}' (zeros may follow)")
    # OpenCV, too, reads 4 or 5 coefficients as a rational model whose others are zero.
    missing = 8 - len(d) if lens == "rational_polynomial" and len(d) in (4, 5) else 0
    return lens, d[:used] + (0.0,) * missing


def _on_image(info: CameraInfo, full: Camera) -> Camera:
    """Apply ROI and binning."""
    x, y, width, height = info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height
    if not any((x, y, width, height)):
        width, height = full.width, full.height
    across, down = max(1, info.binning_x), max(1, info.binning_y)
    columns, rows = width // across, height // down
    if not columns or not rows or x + width > full.width or y + height > full.height:
        raise CameraError(
            f"roi {width}x{height}+{x}+{y} with binning {across}x{down} leaves no image of the "
            f"{full.width}x{full.height} sensor, expected it to lie inside"
        )
    # Pixels that do not fill a whole bin are not read out.
    return full.crop(x, y, columns * across, rows * down).scale(columns, rows)


def _projection(info: CameraInfo) -> tuple[float, ...]:
    """Return P (3x4, row-major) on the image; ROI and binning change its last column by scale."""
    p = _numbers(info.p)
    full = _full_camera(info, "p", p, "none", ())
    camera = _on_image(info, full)
    return _with_column(
        _numbers(camera.matrix), p[3] * camera.fx / full.fx, p[7] * camera.fy / full.fy
    )


def _with_column(k: Sequence[float], tx: float, ty: float) -> tuple[float, ...]:
    return (*k[:3], tx, *k[3:6], ty, *k[6:], 0.0)


def _numbers(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(np.ravel(np.array(values, np.float64)).tolist())


# --- point clouds -------------------------------------------------------------------------------


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


# NumPy's names for the datatypes of sensor_msgs/PointField, and which of them a field may have.
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
    """Return the fields of the clouds this package publishes: float32 x y z, and rgb if asked for.

    rgb is the float32 whose bits are 0x00RRGGBB, the layout of PCL and RViz.
    """
    names = ("x", "y", "z", "rgb") if colour else ("x", "y", "z")
    return tuple(CloudField(name, 4 * i, _FLOAT32) for i, name in enumerate(names))


def point_step(colour: bool) -> int:
    """Return the bytes of one point in the layout of cloud_fields: 12, or 16 with colour."""
    return 4 * len(cloud_fields(colour))


def points_from_cloud(msg: PointCloud2) -> CloudPoints:
    """Return the points of a sensor_msgs/PointCloud2, copied; one of height 1 gives (N, ...).

    Reads x, y and z (float32, float64) and rgb or rgba (packed 0xAARRGGBB in a float32 or uint32)
    at any offset, padding and byte order. Other fields are left out.

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
    # Packed colours are bits, whatever number those bits may also be.
    name = _DATATYPES[field.datatype] if field.name in "xyz" else "u4"
    if field.offset + np.dtype(name).itemsize > point_step:
        raise MessageError(
            f"cloud field '{field.name}' at offset {field.offset} does not fit point_step "
            f"{point_step}"
        )
    return name


def _unpacked(packed: npt.NDArray[np.uint32]) -> Bytes:
    return np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=-1).astype(np.uint8)


def matrix_from_transform(transform: Any) -> npt.NDArray[np.float64]:
    """Return a geometry_msgs/Transform, whose quaternion is a unit one, as 4x4."""
    t, q = transform.translation, transform.rotation
    x, y, z, w = q.x, q.y, q.z, q.w
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), t.x],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), t.y],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), t.z],
            [0, 0, 0, 1],
        ]
    )
