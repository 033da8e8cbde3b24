"""Compressed images to RGB, and what cannot be decoded."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from depth_ros.errors import MessageError
from depth_ros.messages import (
    rgb_from_compressed,
    rgb_from_image,
)
from test.messages.makers import (
    Bytes,
    Maker,
    gradient,
    image,
    mosaic,
    plain,
)


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
