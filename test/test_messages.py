"""ROS messages to arrays: encodings, padding, byte order, cameras, depth and clouds."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from depth_ros.errors import CameraError, MessageError
from depth_ros.geometry.camera import Camera
from depth_ros.messages import (
    COLOUR_ENCODINGS,
    DEPTH_PIXEL_BYTES,
    camera_from_info,
    cloud_fields,
    depth_from_image,
    depth_info,
    depth_to_bytes,
    point_step,
    points_from_cloud,
    rgb_from_compressed,
    rgb_from_image,
    stamp_ns,
)

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

quick = settings(max_examples=40, deadline=None)


# --- messages of both kinds


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


@pytest.fixture(scope="module", params=[rclpy_maker, rosbags_maker], ids=["rclpy", "rosbags"])
def make(request: pytest.FixtureRequest) -> Maker:
    maker: Maker = request.param()
    return maker


def plain(name: str, /, **fields: Any) -> Any:
    """Make a message that is neither rclpy's nor rosbags', for what does not depend on it."""
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
}
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
    samples = samples_of(rgb, encoding)
    return image(make, samples, encoding, (rgb.shape[0], rgb.shape[1]), padding, bigendian)


def gradient(height: int, width: int) -> Bytes:
    """Colours that change slowly, differently in every channel and direction."""
    v, u = np.mgrid[0:height, 0:width]
    red, green, blue = 40 + 1.5 * u, 180 - 1.5 * v, 90 + u + v
    rgb: Floats = np.stack([red, green, blue], axis=-1)
    return rounded(rgb)


def even_size() -> st.SearchStrategy[tuple[int, int]]:
    halves = st.integers(2, 12)
    return st.tuples(halves, halves).map(lambda s: (2 * s[0], 2 * s[1]))


def pixels(size: tuple[int, int] | None = None) -> st.SearchStrategy[Bytes]:
    shapes: Any = st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))
    return hnp.arrays(np.uint8, (*size, 3) if size else shapes)


# --- colours


def test_every_encoding_has_an_encoder_here() -> None:
    sixteen = {name[:-1] + "16" for name in EIGHT_BIT if name.endswith("8")}
    assert set(COLOUR_ENCODINGS) == set(EIGHT_BIT) | sixteen


@pytest.mark.parametrize("encoding", COLOUR_ENCODINGS)
def test_a_saturated_red_image_stays_red(make: Maker, encoding: str) -> None:
    red: Bytes = np.full((10, 14, 3), (255, 0, 0), np.uint8)
    rgb = rgb_from_image(colour_image(make, red, encoding, padding=6))
    assert rgb.shape == red.shape
    assert rgb.dtype == np.uint8
    expected = (85, 85, 85) if encoding in GREY else (255, 0, 0)
    np.testing.assert_allclose(rgb.astype(int), np.broadcast_to(expected, rgb.shape), atol=3)


@quick
@given(
    rgb=pixels(),
    name=st.sampled_from(EXACT),
    bits=st.sampled_from([8, 16]),
    padding=st.integers(0, 7),
    bigendian=st.booleans(),
)
def test_channels_come_back_exactly(
    make: Maker, rgb: Bytes, name: str, bits: int, padding: int, bigendian: bool
) -> None:
    msg = colour_image(make, rgb, f"{name}{bits}", padding, bigendian)
    np.testing.assert_array_equal(rgb_from_image(msg), rgb)


@quick
@given(
    size=even_size(),
    encoding=st.sampled_from([name for name in COLOUR_ENCODINGS if name not in GREY]),
    padding=st.integers(0, 7),
    bigendian=st.booleans(),
)
def test_slow_gradients_survive_subsampling_and_interpolation(
    size: tuple[int, int], encoding: str, padding: int, bigendian: bool
) -> None:
    rgb = gradient(*size)
    decoded = rgb_from_image(colour_image(plain, rgb, encoding, padding, bigendian))
    np.testing.assert_allclose(decoded.astype(int), rgb.astype(int), rtol=0, atol=5)


@quick
@given(rgb=pixels(), padding=st.integers(0, 5))
def test_grey_is_the_same_in_every_channel(rgb: Bytes, padding: int) -> None:
    grey = gray(rgb)
    for encoding in GREY:
        decoded = rgb_from_image(colour_image(plain, rgb, encoding, padding))
        np.testing.assert_array_equal(decoded, np.stack([grey] * 3, axis=-1))


def test_sixteen_bits_are_rounded_to_eight() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(128, 512)
    msg = image(plain, values, "mono16", values.shape)
    expected = np.rint(values / 257).astype(np.uint8)
    np.testing.assert_array_equal(rgb_from_image(msg)[..., 0], expected)


def test_rgb8_is_not_copied(make: Maker) -> None:
    rgb = gradient(5, 8)
    for padding in (0, 4):
        msg = colour_image(make, rgb, "rgb8", padding)
        view = rgb_from_image(msg)
        np.testing.assert_array_equal(view, rgb)
        assert np.shares_memory(view, np.frombuffer(msg.data, np.uint8))


@pytest.mark.parametrize("container", [bytes, bytearray, memoryview])
def test_data_may_be_any_buffer(container: Callable[[bytes], Any]) -> None:
    rgb = gradient(4, 6)
    msg = colour_image(plain, rgb, "bgr8")
    msg.data = container(msg.data.tobytes())
    np.testing.assert_array_equal(rgb_from_image(msg), rgb)


# What both references read too: rosbags.image expects no colours below an NV12 image, cv_bridge
# does not know the newer names of YUV 4:2:2, and neither takes 8UC1 for grey.
SHARED_EIGHT_BIT = [
    name for name in EIGHT_BIT if name not in ("8UC1", "nv12", "nv21", "uyvy", "yuyv")
]


@pytest.mark.parametrize("encoding", SHARED_EIGHT_BIT)
def test_pixels_are_those_of_rosbags(make: Maker, encoding: str) -> None:
    reference = pytest.importorskip("rosbags.image")
    rng = np.random.default_rng(3)
    msg = colour_image(make, rng.integers(0, 256, (12, 18, 3), np.uint8), encoding)
    np.testing.assert_array_equal(rgb_from_image(msg), reference.message_to_cvimage(msg, "rgb8"))


@pytest.mark.parametrize(
    "encoding",
    SHARED_EIGHT_BIT + [name for name in COLOUR_ENCODINGS if name.endswith("16")],
)
def test_pixels_are_those_of_cv_bridge(encoding: str) -> None:
    bridge = pytest.importorskip("cv_bridge").CvBridge()
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (12, 18, 3), np.uint8)
    msg = colour_image(rclpy_maker(), rgb, encoding)
    np.testing.assert_array_equal(rgb_from_image(msg), bridge.imgmsg_to_cv2(msg, "rgb8"))


# --- images that contradict themselves


def bad_image(**changes: Any) -> Any:
    msg = colour_image(plain, gradient(6, 8), changes.pop("like", "rgb8"))
    for name, value in changes.items():
        setattr(msg, name, value)
    return msg


@pytest.mark.parametrize(
    ("msg", "named"),
    [
        (bad_image(encoding="rgb9"), "encoding is 'rgb9', expected one of: rgb8.*nv12"),
        (bad_image(encoding="8UC3"), "encoding is '8UC3', expected one of: rgb8.*nv12"),
        (bad_image(encoding="32FC1"), "encoding is '32FC1', expected one of: rgb8.*nv12"),
        (bad_image(encoding=""), "encoding is ''"),
        (bad_image(width=0), "0x6 rgb8 image: width and height"),
        (bad_image(height=0, data=np.zeros(0, np.uint8)), "8x0 rgb8 image: width and height"),
        (bad_image(step=23), "step is 23 bytes, expected at least 24"),
        (bad_image(step=0), "step is 0 bytes, expected at least 24"),
        (bad_image(step=25), "data has 144 bytes, expected 6 rows of step 25, 150 bytes"),
        (bad_image(data=np.zeros(143, np.uint8)), "data has 143 bytes, .* 144 bytes"),
        (bad_image(data=np.zeros(0, np.uint8)), "data has 0 bytes, .* 144 bytes"),
        (bad_image(height=5), "data has 144 bytes, .* 120 bytes"),
        (bad_image(like="rgb16", step=24), "step is 24 bytes, expected at least 48"),
        (bad_image(like="nv12", width=7), "7x6 nv12 image: .* multiples of 2 and 2"),
        (bad_image(like="nv21", height=5), "8x5 nv21 image: .* multiples of 2 and 2"),
        (bad_image(like="nv12", data=np.zeros(48, np.uint8)), "48 bytes, expected 9 rows"),
        (bad_image(like="yuyv", width=7), "7x6 yuyv image: .* multiples of 2 and 1"),
    ],
)
def test_a_contradictory_image_names_the_field_and_what_was_expected(msg: Any, named: str) -> None:
    with pytest.raises(MessageError, match=named):
        rgb_from_image(msg)


# --- compressed images


def compressed(make: Maker, suffix: str, pixels: npt.NDArray[Any], format: str) -> Any:
    """Compress rgb or grey pixels as OpenCV does."""
    stored = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    ok, data = cv2.imencode(suffix, stored)
    assert ok
    return make("CompressedImage", format=format, data=np.asarray(data).ravel())


@pytest.mark.parametrize(
    "format", ["png", "rgb8; png compressed bgr8", "bgr8; png compressed bgr8"]
)
def test_a_png_comes_back_exactly(make: Maker, format: str) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (7, 12, 3), np.uint8)
    np.testing.assert_array_equal(rgb_from_compressed(compressed(make, ".png", rgb, format)), rgb)


@pytest.mark.parametrize("format", ["jpeg", "jpg", "rgb8; jpeg compressed bgr8"])
def test_a_jpeg_comes_back_nearly(make: Maker, format: str) -> None:
    rgb = gradient(24, 40)
    decoded = rgb_from_compressed(compressed(make, ".jpg", rgb, format))
    np.testing.assert_allclose(decoded.astype(int), rgb.astype(int), atol=6)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_compressed_red_image_stays_red(make: Maker, suffix: str) -> None:
    red: Bytes = np.full((16, 24, 3), (255, 0, 0), np.uint8)
    decoded = rgb_from_compressed(compressed(make, suffix, red, suffix[1:]))
    np.testing.assert_allclose(decoded.astype(int), red.astype(int), atol=3)


def test_a_compressed_grey_image_is_grey(make: Maker) -> None:
    grey = gradient(9, 14)[..., 0]
    expected = np.stack([grey] * 3, axis=-1)
    eight = compressed(make, ".png", grey, "mono8; png compressed ")
    sixteen = compressed(make, ".png", grey.astype(np.uint16) * 257, "mono16; png compressed ")
    np.testing.assert_array_equal(rgb_from_compressed(eight), expected)
    np.testing.assert_array_equal(rgb_from_compressed(sixteen), expected)


def test_a_png_of_sixteen_bits_is_scaled_to_eight() -> None:
    rgb = np.random.default_rng(1).integers(0, 65536, (7, 12, 3), np.uint16)
    decoded = rgb_from_compressed(compressed(plain, ".png", rgb, "rgb16; png compressed bgr16"))
    np.testing.assert_array_equal(decoded, np.rint(rgb / 257))


def test_a_compressed_image_with_alpha_loses_only_that() -> None:
    rgb = gradient(7, 12)
    bgra = np.concatenate([rgb[..., ::-1], np.full((7, 12, 1), 99, np.uint8)], axis=-1)
    data = np.asarray(cv2.imencode(".png", bgra)[1]).ravel()
    msg = plain("CompressedImage", format="rgba8; png compressed bgr8", data=data)
    np.testing.assert_array_equal(rgb_from_compressed(msg), rgb)


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_bayer_pattern_stored_as_it_is_becomes_colours(pattern: str) -> None:
    raw = mosaic(pattern)(gradient(20, 32))
    png = compressed(plain, ".png", raw, f"bayer_{pattern}8; png compressed ")
    direct = image(plain, raw, f"bayer_{pattern}8", raw.shape)
    np.testing.assert_array_equal(rgb_from_compressed(png), rgb_from_image(direct))
    # Newer publishers turn Bayer into grey before they write a JPEG, and say so.
    grey = compressed(plain, ".png", raw, f"bayer_{pattern}8; jpeg compressed mono8")
    np.testing.assert_array_equal(rgb_from_compressed(grey), np.stack([raw] * 3, axis=-1))


PNG = compressed(plain, ".png", gradient(30, 40), "png").data


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("jpeg", b""),
        ("jpeg", b"\xff\xd8\xff\xe0" + b"rubbish" * 9),
        ("rgb8; png compressed bgr8", PNG[:60].tobytes()),
        ("h264", b"\x00\x00\x00\x01" * 20),
    ],
)
def test_what_cannot_be_decoded_names_its_size_and_format(format: str, data: bytes) -> None:
    msg = plain("CompressedImage", format=format, data=data)
    with pytest.raises(MessageError, match=rf"{len(data)} bytes, format '{format}'.*JPEG or PNG"):
        rgb_from_compressed(msg)


@pytest.mark.parametrize(
    "format", ["16UC1; compressedDepth png", "32FC1; compressedDepth rvl", "16UC1; png compressed "]
)
def test_compressed_depth_is_not_taken_for_colours(format: str) -> None:
    with pytest.raises(MessageError, match="depth image, expected colours"):
        rgb_from_compressed(plain("CompressedImage", format=format, data=PNG))


# --- depth images

depths = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
)


@quick
@given(depth_m=depths, padding=st.integers(0, 7), bigendian=st.booleans())
def test_metres_come_back_exactly_and_what_is_no_distance_is_nan(
    make: Maker, depth_m: npt.NDArray[np.float32], padding: int, bigendian: bool
) -> None:
    msg = image(make, depth_m, "32FC1", depth_m.shape, padding, bigendian)
    decoded = depth_from_image(msg)
    assert decoded.dtype == np.float32
    np.testing.assert_array_equal(decoded, np.where(depth_m > 0, depth_m, np.nan))


@quick
@given(
    depth_mm=hnp.arrays(np.uint16, st.tuples(st.integers(1, 6), st.integers(1, 6))),
    encoding=st.sampled_from(["16UC1", "mono16"]),
    padding=st.integers(0, 7),
    bigendian=st.booleans(),
)
def test_millimetres_become_metres_and_zero_becomes_nan(
    depth_mm: npt.NDArray[np.uint16], encoding: str, padding: int, bigendian: bool
) -> None:
    decoded = depth_from_image(image(plain, depth_mm, encoding, depth_mm.shape, padding, bigendian))
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, np.where(depth_mm, depth_mm / 1000, np.nan), rtol=1e-6)


def test_colours_are_not_taken_for_depth() -> None:
    with pytest.raises(MessageError, match="encoding is 'rgb8', expected one of: 32FC1, 16UC1"):
        depth_from_image(colour_image(plain, gradient(3, 4), "rgb8"))


@quick
@given(depth_m=depths)
def test_published_metres_are_the_depth_bit_for_bit(depth_m: npt.NDArray[np.float32]) -> None:
    out = array("B", bytes(depth_m.size * DEPTH_PIXEL_BYTES["32FC1"]))
    depth_to_bytes(depth_m, "32FC1", out)
    assert out.tobytes() == depth_m.astype("<f4").tobytes()


@quick
@given(depth_m=depths)
def test_published_millimetres_are_within_half_of_one_or_zero(
    depth_m: npt.NDArray[np.float32],
) -> None:
    out = bytearray(depth_m.size * DEPTH_PIXEL_BYTES["16UC1"])
    depth_to_bytes(depth_m, "16UC1", memoryview(out))
    mm = np.frombuffer(out, "<u2").reshape(depth_m.shape).astype(np.float64)
    exact = depth_m.astype(np.float64) * 1000
    with np.errstate(invalid="ignore"):
        fits = (exact > 0.51) & (exact < 65535.4)
        never = ~(exact > 0.49) | (exact > 65535.6)
    assert (mm[never] == 0).all()
    # half a millimetre, and what float32 cannot tell apart at 65 m
    np.testing.assert_allclose(mm[fits], exact[fits], rtol=0, atol=0.505)


def test_millimetres_come_back_after_publishing() -> None:
    mm = np.arange(65536, dtype=np.uint16).reshape(64, 1024)
    depth_m = depth_from_image(image(plain, mm, "16UC1", mm.shape))
    out = np.zeros(mm.size * 2, np.uint8)
    depth_to_bytes(depth_m, "16UC1", out)
    np.testing.assert_array_equal(out.view("<u2").reshape(mm.shape), mm)


def test_published_depth_needs_a_buffer_of_its_size_and_a_known_encoding() -> None:
    depth_m = np.ones((3, 5), np.float32)
    with pytest.raises(MessageError, match="59 bytes, expected 60 for 32FC1"):
        depth_to_bytes(depth_m, "32FC1", bytearray(59))
    with pytest.raises(MessageError, match="encoding is '64FC1', expected 32FC1 or 16UC1"):
        depth_to_bytes(depth_m, "64FC1", bytearray(120))


# --- cameras

K = (500.0, 0.0, 317.0, 0.0, 510.0, 239.0, 0.0, 0.0, 1.0)
P = (480.0, 0.0, 320.5, -48.0, 0.0, 490.0, 241.5, 24.5, 0.0, 0.0, 1.0, 0.0)
R = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)
D = (-0.3, 0.1, 0.001, -0.002, 0.01)


def camera_info(
    make: Maker = plain, roi: tuple[int, int, int, int] = (0, 0, 0, 0), **f: Any
) -> Any:
    """Make a CameraInfo; roi is x_offset, y_offset, width, height."""
    fields: dict[str, Any] = {
        "width": 640,
        "height": 480,
        "distortion_model": "plumb_bob",
        "d": D,
        "k": K,
        "r": R,
        "p": P,
        "binning_x": 0,
        "binning_y": 0,
    }
    x, y, width, height = roi
    region = make(
        "RegionOfInterest", x_offset=x, y_offset=y, width=width, height=height, do_rectify=False
    )
    return make("CameraInfo", **(fields | {"roi": region} | f))


@pytest.mark.parametrize(
    ("model", "d", "lens", "coefficients"),
    [
        ("plumb_bob", D, "plumb_bob", D),
        ("plumb_bob", D[:4], "plumb_bob", D[:4]),
        ("plumb_bob", (*D, 0, 0, 0), "plumb_bob", D),
        ("plumb_bob", (0,) * 5, "none", ()),
        ("plumb_bob", (), "none", ()),
        ("", (), "none", ()),
        ("", (0,) * 5, "none", ()),
        ("rational_polynomial", (*D, 1, 2, 3), "rational_polynomial", (*D, 1, 2, 3)),
        ("rational_polynomial", (*D, 1, 2, 3) + (0,) * 6, "rational_polynomial", (*D, 1, 2, 3)),
        ("rational_polynomial", D, "rational_polynomial", (*D, 0, 0, 0)),
        ("rational_polynomial", (0,) * 8, "none", ()),
        ("equidistant", D[:4], "equidistant", D[:4]),
        ("fisheye", D[:4], "equidistant", D[:4]),
        ("equidistant", (0,) * 4, "equidistant", (0,) * 4),
    ],
)
def test_a_raw_image_has_the_lens_of_its_distortion_model(
    make: Maker, model: str, d: tuple[float, ...], lens: Any, coefficients: tuple[float, ...]
) -> None:
    camera = camera_from_info(camera_info(make, distortion_model=model, d=d))
    assert camera == Camera(640, 480, 500.0, 510.0, 317.0, 239.0, lens, coefficients)


def test_a_rectified_image_has_the_projection_matrix_and_no_distortion(make: Maker) -> None:
    camera = camera_from_info(camera_info(make), rectified=True)
    assert camera == Camera(640, 480, 480.0, 490.0, 320.5, 241.5)


regions = st.tuples(
    st.integers(0, 300), st.integers(0, 200), st.integers(40, 340), st.integers(40, 280)
)
binnings = st.integers(0, 4)


@quick
@given(roi=regions | st.just((0, 0, 0, 0)), bx=binnings, by=binnings, rectified=st.booleans())
def test_an_image_of_part_of_the_sensor_sees_what_that_part_sees(
    roi: tuple[int, int, int, int], bx: int, by: int, rectified: bool
) -> None:
    info = camera_info(roi=roi, binning_x=bx, binning_y=by)
    camera = camera_from_info(info, rectified)
    x, y, width, height = roi if any(roi) else (0, 0, 640, 480)
    bin_px = np.array([max(1, bx), max(1, by)])
    assert (camera.width, camera.height) == (width // bin_px[0], height // bin_px[1])
    corners = np.array([(0, 0), (camera.width - 1, 3), (5, camera.height - 1)])
    # a bin's centre is the mean of its pixels' centres
    on_sensor = corners * bin_px + (bin_px - 1) / 2 + (x, y)
    whole = camera_from_info(camera_info(), rectified)
    np.testing.assert_allclose(
        camera.unproject(corners), whole.unproject(on_sensor), rtol=0, atol=1e-9
    )


def test_depth_of_a_raw_image_keeps_its_lens_rotation_and_projection(make: Maker) -> None:
    fields = depth_info(camera_info(make))
    assert (fields.width, fields.height) == (640, 480)
    assert (fields.distortion_model, fields.d) == ("plumb_bob", D)
    assert (fields.k, fields.r, fields.p) == (K, R, P)


def test_depth_of_a_rectified_image_has_neither_distortion_nor_rotation(make: Maker) -> None:
    fields = depth_info(camera_info(make), rectified=True)
    assert fields.distortion_model == "plumb_bob"
    assert fields.d == (0.0,) * 5
    assert fields.k == (480.0, 0.0, 320.5, 0.0, 490.0, 241.5, 0.0, 0.0, 1.0)
    assert fields.r == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    assert fields.p == P


def test_a_missing_projection_is_k_and_a_missing_rotation_the_identity(make: Maker) -> None:
    fields = depth_info(camera_info(make, p=(0.0,) * 12, r=(0.0,) * 9))
    assert fields.p == (500.0, 0.0, 317.0, 0.0, 0.0, 510.0, 239.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    assert fields.r == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@quick
@given(roi=regions, bx=binnings, by=binnings, rectified=st.booleans())
def test_the_published_camera_is_the_one_that_was_used(
    make: Maker, roi: tuple[int, int, int, int], bx: int, by: int, rectified: bool
) -> None:
    info = camera_info(make, roi=roi, binning_x=bx, binning_y=by)
    published = camera_info(make, **asdict(depth_info(info, rectified)))
    for read_as in {rectified, True}:
        assert_same_camera(camera_from_info(published, read_as), camera_from_info(info, read_as))


def assert_same_camera(one: Camera, other: Camera) -> None:
    assert (one.width, one.height, one.lens) == (other.width, other.height, other.lens)
    assert one.coefficients == other.coefficients
    np.testing.assert_allclose(one.matrix, other.matrix, rtol=1e-12)


@quick
@given(roi=regions, bx=binnings, by=binnings)
def test_the_published_projection_puts_points_where_the_sensors_does(
    roi: tuple[int, int, int, int], bx: int, by: int
) -> None:
    fields = depth_info(camera_info(roi=roi, binning_x=bx, binning_y=by))
    point = np.array([0.3, -0.2, 2.0, 1.0])
    u, v, w = np.reshape(fields.p, (3, 4)) @ point
    full_u, full_v, full_w = np.reshape(P, (3, 4)) @ point
    bx, by = max(1, bx), max(1, by)
    assert (u / w + 0.5) * bx - 0.5 + roi[0] == pytest.approx(full_u / full_w)
    assert (v / w + 0.5) * by - 0.5 + roi[1] == pytest.approx(full_v / full_w)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"k": (0.0,) * 9}, "all-zero k: calibrate the camera"),
        ({"width": 0}, "size 0x480.*publishing its camera_info"),
        ({"width": 0, "height": 0}, "size 0x0"),
        ({"k": (500.0, 3.0, *K[2:])}, r"k = \(500.0, 3.0.*expected rows that start fx 0 cx"),
        ({"k": tuple(np.reshape(K, (3, 3)).T.ravel())}, "expected rows that start fx 0 cx"),
        ({"k": (-500.0, *K[1:])}, "focal length"),
        ({"k": (math.nan, *K[1:])}, "focal length"),
        ({"distortion_model": "scaramuzza"}, "'scaramuzza'.*plumb_bob"),
        ({"distortion_model": ""}, "distortion_model is '' with d"),
        ({"d": (*D, 0.1)}, "expected 5 coefficients for 'plumb_bob'"),
        ({"d": D[:3]}, "3 coefficients"),
        ({"distortion_model": "rational_polynomial", "d": (*D, 1, 2, 3, 4)}, "expected 8"),
        ({"distortion_model": "rational_polynomial", "d": (*D, 1, 2)}, "7 coefficients"),
        ({"distortion_model": "equidistant"}, "expected 4 coefficients for 'equidistant'"),
        ({"distortion_model": "equidistant", "d": ()}, "0 coefficients, expected 4"),
        ({"roi": (600, 0, 100, 100)}, r"roi 100x100\+600\+0 with binning 1x1"),
        ({"roi": (10, 10, 0, 0)}, r"roi 0x0\+10\+10"),
        ({"roi": (0, 0, 3, 3), "binning_x": 4}, r"roi 3x3\+0\+0 with binning 4x1"),
    ],
)
def test_a_camera_that_cannot_be_used_is_an_error_that_says_why(
    make: Maker, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(CameraError, match=named):
        camera_from_info(camera_info(make, **changes))


def test_a_rectified_image_needs_a_projection_matrix() -> None:
    with pytest.raises(CameraError, match="all-zero p"):
        camera_from_info(camera_info(p=(0.0,) * 12), rectified=True)


# --- point clouds


Fields = list[tuple[str, int, int]]  # name, offset, datatype


def cloud(
    make: Maker, points: Bytes, fields: Fields, row_padding: int = 0, bigendian: bool = False
) -> Any:
    """Make a PointCloud2 of points' bytes (H, W, point_step)."""
    height, width, step = points.shape
    rows = np.pad(points.reshape(height, -1), ((0, 0), (0, row_padding)), constant_values=171)
    return make(
        "PointCloud2",
        height=height,
        width=width,
        fields=[
            make("PointField", name=name, offset=offset, datatype=datatype, count=1)
            for name, offset, datatype in fields
        ],
        is_bigendian=bigendian,
        point_step=step,
        row_step=rows.shape[1],
        data=rows.ravel(),
        is_dense=True,
    )


def packed_colours(rgb: Bytes) -> npt.NDArray[np.uint32]:
    red, green, blue = np.moveaxis(rgb.astype(np.uint32), -1, 0)
    packed: npt.NDArray[np.uint32] = red << 16 | green << 8 | blue
    return packed


@quick
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 7)),
    number=st.sampled_from([("f4", 7), ("f8", 8)]),
    colour=st.sampled_from([None, ("rgb", 7), ("rgb", 6), ("rgba", 6)]),
    gaps=st.tuples(*[st.integers(0, 5)] * 5),
    row_padding=st.integers(0, 9),
    bigendian=st.booleans(),
)
def test_a_clouds_points_are_found_wherever_its_fields_lie(
    make: Maker,
    shape: tuple[int, int],
    number: tuple[str, int],
    colour: tuple[str, int] | None,
    gaps: tuple[int, ...],
    row_padding: int,
    bigendian: bool,
) -> None:
    rng = np.random.default_rng(shape[0] * 8 + shape[1])
    xyz = rng.normal(size=(*shape, 3)).astype(np.float32)
    rgb = rng.integers(0, 256, (*shape, 3), np.uint8)
    parts = [(name, number[1], xyz[..., "xyz".index(name)].astype(number[0])) for name in "zxy"]
    if colour:
        parts.append((*colour, packed_colours(rgb)))
    fields: Fields = []
    columns: list[Bytes] = []
    for gap, (name, datatype, values) in zip(gaps, parts, strict=False):
        columns.append(np.zeros((*shape, gap), np.uint8))
        fields.append((name, sum(column.shape[2] for column in columns), datatype))
        wire = values.astype(values.dtype.newbyteorder(">" if bigendian else "<"))
        columns.append(wire[..., None].view(np.uint8))
    columns.append(np.zeros((*shape, gaps[-1]), np.uint8))
    points = np.concatenate(columns, axis=2)
    read = points_from_cloud(cloud(make, points, fields, row_padding, bigendian))
    leading = shape[1:] if shape[0] == 1 else shape
    assert read.xyz.dtype == np.float32
    np.testing.assert_array_equal(read.xyz, xyz.reshape(*leading, 3), strict=True)
    if colour:
        np.testing.assert_array_equal(read.rgb, rgb.reshape(*leading, 3))
    else:
        assert read.rgb is None


def test_the_published_layout_is_the_one_that_is_read(make: Maker) -> None:
    for colour in (False, True):
        fields = [(f.name, f.offset, f.datatype) for f in cloud_fields(colour)]
        values = np.arange(6 * len(fields), dtype="<f4").reshape(2, 3, -1)
        points = values.view(np.uint8)
        assert points.shape[2] == point_step(colour)
        read = points_from_cloud(cloud(make, points, fields))
        np.testing.assert_array_equal(read.xyz, values[..., :3])
        assert (read.rgb is not None) == colour
        assert make("PointField", **asdict(cloud_fields(colour)[-1])).count == 1


def test_a_cloud_may_be_empty(make: Maker) -> None:
    fields = [(field.name, field.offset, field.datatype) for field in cloud_fields(True)]
    read = points_from_cloud(cloud(make, np.zeros((1, 0, 16), np.uint8), fields))
    assert read.xyz.shape == (0, 3)
    assert read.rgb is not None
    assert read.rgb.shape == (0, 3)


XYZ = [("x", 0, 7), ("y", 4, 7), ("z", 8, 7)]


@pytest.mark.parametrize(
    ("fields", "changes", "named"),
    [
        (XYZ[:2], {}, "no field z, expected x, y and z"),
        ([("x", 0, 7), ("y", 4, 3), ("z", 8, 7)], {}, "'y' has datatype 3"),
        ([*XYZ, ("rgb", 12, 8)], {}, "'rgb' has datatype 8"),
        ([*XYZ, ("rgb", 13, 7)], {}, "'rgb' at offset 13 does not fit point_step 16"),
        (XYZ, {"row_step": 47}, "row_step 47"),
        (XYZ, {"data": np.zeros(95, np.uint8)}, "has 95 bytes"),
        (XYZ, {"height": 3}, "3x3 cloud.*has 96 bytes"),
    ],
)
def test_a_contradictory_cloud_names_the_field_and_what_was_expected(
    fields: Fields, changes: dict[str, Any], named: str
) -> None:
    msg = cloud(plain, np.zeros((2, 3, 16), np.uint8), fields)
    for name, value in changes.items():
        setattr(msg, name, value)
    with pytest.raises(MessageError, match=named):
        points_from_cloud(msg)


# --- stamps


def test_a_stamp_is_exact_in_nanoseconds() -> None:
    header = SimpleNamespace(stamp=SimpleNamespace(sec=1_700_000_000, nanosec=123_456_789))
    assert stamp_ns(header) == 1_700_000_000_123_456_789


def test_both_kinds_of_messages_have_stamps(make: Maker) -> None:
    msg = make("Image")
    msg.header.stamp.sec, msg.header.stamp.nanosec = 3, 5
    assert stamp_ns(msg.header) == 3_000_000_005
