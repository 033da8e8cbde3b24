"""Images to RGB: encodings, padding, byte order, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from test.messages.makers import (
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
