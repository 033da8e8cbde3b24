"""Images to RGB: encodings, padding, byte order, and contradictory messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from depth_ros.errors import MessageError
from depth_ros.messages import (
    COLOUR_ENCODINGS,
    rgb_from_image,
)
from depth_ros.messages.encodings import DEPTHS, Encoding, Packed, Planar
from depth_ros.messages.images import rgb_of
from test.messages.makers import (
    COLOUR_ROWS,
    EIGHT_BIT,
    EXACT,
    GREY,
    Bytes,
    Maker,
    colour_image,
    gradient,
    gray,
    image,
    plain,
    quick,
    rclpy_maker,
)


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
    rgb = rgb_from_image(colour_image(make, red, encoding, padding=6), "bgr")
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
    decoded = rgb_from_image(colour_image(plain, rgb, encoding, padding, bigendian), "bgr")
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


# OpenCV's own conversion of the samples as they lie in memory.
CODES = {
    "nv12": cv2.COLOR_YUV2RGB_NV12,
    "nv21": cv2.COLOR_YUV2RGB_NV21,
    "YUV420": cv2.COLOR_YUV2RGB_I420,
    "I420": cv2.COLOR_YUV2RGB_I420,
    "i420": cv2.COLOR_YUV2RGB_I420,
    "YV12": cv2.COLOR_YUV2RGB_YV12,
    "yv12": cv2.COLOR_YUV2RGB_YV12,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "yuyv": cv2.COLOR_YUV2RGB_YUYV,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUYV,
    "8UC1": cv2.COLOR_GRAY2RGB,
    "8UC3": cv2.COLOR_BGR2RGB,
    "8UC4": cv2.COLOR_BGRA2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "bayer_rggb8": cv2.COLOR_BayerRGGB2RGB,
    "bayer_bggr8": cv2.COLOR_BayerBGGR2RGB,
    "bayer_gbrg8": cv2.COLOR_BayerGBRG2RGB,
    "bayer_grbg8": cv2.COLOR_BayerGRBG2RGB,
}


@pytest.mark.parametrize("encoding", CODES)
@pytest.mark.parametrize("padding", [0, 2])
def test_pixels_are_those_of_opencv(encoding: str, padding: int) -> None:
    rgb = np.random.default_rng(5).integers(0, 256, (12, 18, 3), np.uint8)
    samples = EIGHT_BIT[encoding](rgb)
    if encoding in ("uyvy", "yuv422", "yuyv", "yuv422_yuy2"):
        samples = samples.reshape(12, 18, 2)
    expected = cv2.cvtColor(samples, CODES[encoding])
    found = rgb_from_image(colour_image(plain, rgb, encoding, padding), "bgr")
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("padding", [0, 6])
def test_nv24_is_nv12_of_an_image_whose_pixels_are_four_each(padding: int) -> None:
    rgb = np.random.default_rng(5).integers(0, 256, (12, 18, 3), np.uint8)
    fourfold = rgb.repeat(2, axis=0).repeat(2, axis=1)
    expected = cv2.cvtColor(EIGHT_BIT["nv12"](fourfold), cv2.COLOR_YUV2RGB_NV12)[::2, ::2]
    found = rgb_from_image(colour_image(plain, rgb, "nv24", padding))
    np.testing.assert_allclose(found.astype(int), expected.astype(int), rtol=0, atol=1)


_NO_CODE: Any = None


@pytest.mark.parametrize(
    "encoding",
    [
        Planar(_NO_CODE, interleaved=True, subsampling=1),  # nv24 or nv42?
        Planar(_NO_CODE, interleaved=False, subsampling=1),
        Planar(_NO_CODE, interleaved=True),
        Packed("u1", 2),
        DEPTHS["32FC1"],
    ],
)
def test_a_layout_without_a_conversion_is_refused(encoding: Encoding) -> None:
    with pytest.raises(MessageError, match=r"cannot be converted to RGB: .*to_rgb=None"):
        rgb_of(np.zeros((18, 8), np.uint8), encoding)


@pytest.mark.parametrize("encoding", COLOUR_ROWS)
def test_the_step_of_planes_may_be_their_size_over_the_height(encoding: str) -> None:
    msg = colour_image(plain, gradient(6, 8), encoding)
    expected = rgb_from_image(msg)
    msg.step = msg.data.size // msg.height  # as depthai_bridge has it
    np.testing.assert_array_equal(rgb_from_image(msg), expected)


@pytest.mark.parametrize("encoding", ["8UC3", "8UC4"])
def test_untyped_images_have_the_channel_order_of_the_setting(encoding: str) -> None:
    rgb = gradient(6, 8)
    msg = colour_image(plain, rgb, encoding)
    np.testing.assert_array_equal(rgb_from_image(msg, "bgr"), rgb)
    np.testing.assert_array_equal(rgb_from_image(msg, "rgb"), rgb[..., ::-1])
    with pytest.raises(MessageError, match=f"'{encoding}'.*untyped_order:=bgr"):
        rgb_from_image(msg)


@pytest.mark.parametrize(
    ("spelling", "meant"),
    [
        ("BGR8", "bgr8"),
        ("rgb", "rgb8"),
        ("BGR", "bgr8"),
        ("mono", "mono8"),
        ("gray", "mono8"),
        ("YUYV", "yuyv"),
        ("yuy2", "yuv422_yuy2"),
        ("Nv12", "nv12"),
        ("yuv420", "YUV420"),
        ("8uc1", "8UC1"),
    ],
)
def test_another_spelling_is_an_error_that_names_the_right_one(spelling: str, meant: str) -> None:
    with pytest.raises(MessageError, match=f"'{spelling}', expected '{meant}'"):
        rgb_from_image(bad_image(encoding=spelling))


# What both references read too: rosbags.image expects no colours below an NV12 image, cv_bridge
# does not know the newer names of YUV 4:2:2, and neither takes 8UC1 for grey.
SHARED_EIGHT_BIT = [
    name for name in EIGHT_BIT if name not in ("8UC1", "8UC3", "8UC4", "uyvy", "yuyv", *COLOUR_ROWS)
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
        (bad_image(like="nv24", step=9), "144 bytes, expected 18 rows of step 9, 162 bytes"),
        (bad_image(like="I420", step=9, data=np.zeros(81, np.uint8)), "step is 9 .* even number"),
        (bad_image(like="yuyv", width=7), "7x6 yuyv image: .* multiples of 2 and 1"),
    ],
)
def test_a_contradictory_image_names_the_field_and_what_was_expected(msg: Any, named: str) -> None:
    with pytest.raises(MessageError, match=named):
        rgb_from_image(msg)
