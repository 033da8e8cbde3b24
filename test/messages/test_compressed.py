"""Compressed images to RGB, and data that cannot be decoded."""

from __future__ import annotations

import resource
import tracemalloc
import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from depth_ros.errors import MessageError
from depth_ros.messages import (
    check_compressed,
    compressed_size,
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
    # Newer publishers convert Bayer to grey before they write a JPEG, and state that in format.
    grey = compressed(plain, ".png", raw, f"bayer_{pattern}8; jpeg compressed mono8")
    np.testing.assert_array_equal(rgb_from_compressed(grey), np.stack([raw] * 3, axis=-1))


PNG = compressed(plain, ".png", gradient(30, 40), "png").data


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("jpeg", b""),
        ("jpeg", b"\xff\xd8\xff\xe0" + b"rubbish" * 9),
        ("rgb8; png compressed bgr8", PNG[:60].tobytes()),
    ],
)
def test_data_that_cannot_be_decoded_are_named_by_size_and_format(format: str, data: bytes) -> None:
    msg = plain("CompressedImage", format=format, data=data)
    with pytest.raises(MessageError, match=rf"{len(data)} bytes, format '{format}'.*JPEG, PNG"):
        rgb_from_compressed(msg)


@pytest.mark.parametrize(
    "format", ["16UC1; compressedDepth png", "32FC1; compressedDepth rvl", "16UC1; png compressed "]
)
def test_compressed_depth_is_not_taken_for_colours(format: str) -> None:
    with pytest.raises(MessageError, match="depth image, expected colour"):
        rgb_from_compressed(plain("CompressedImage", format=format, data=PNG))


# --- sizes and damage


def picture_file(suffix: str, height: int = 48, width: int = 64, *flags: int) -> bytes:
    rng = np.random.default_rng(7)
    rgb = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), np.uint8), (0, 0), 1.0)
    return np.asarray(cv2.imencode(suffix, rgb, flags)[1]).tobytes()


def message(data: bytes, format: str = "rgb8; jpeg compressed bgr8") -> Any:
    return plain("CompressedImage", format=format, data=data)


def jpeg_that_says(width: int, height: int) -> bytes:
    """A JPEG of some hundred bytes with another size in its header."""
    data = bytearray(picture_file(".jpg", 8, 8))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


def png_that_says(width: int, height: int) -> bytes:
    """A PNG without image data, with another size in its valid header."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    start = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big")
    return start + header + zlib.crc32(header).to_bytes(4, "big") + picture_file(".png", 8, 8)[33:]


WEBP_LOSSLESS = (cv2.IMWRITE_WEBP_QUALITY, 101)


@pytest.mark.parametrize(
    "data",
    [
        picture_file(".jpg"),
        picture_file(".jpg", 48, 64, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        picture_file(".png"),
        picture_file(".webp", 48, 64, cv2.IMWRITE_WEBP_QUALITY, 80),
        picture_file(".webp", 48, 64, *WEBP_LOSSLESS),
    ],
    ids=["jpeg", "progressive", "png", "webp", "lossless webp"],
)
def test_the_size_is_known_before_anything_is_decoded(data: bytes) -> None:
    assert compressed_size(message(data)) == (64, 48)
    assert rgb_from_compressed(message(data)).shape == (48, 64, 3)
    half = data[: len(data) // 2]
    assert compressed_size(message(half)) == (64, 48)
    with pytest.raises(MessageError, match="cannot be decoded"):
        rgb_from_compressed(message(half))


def test_a_webp_of_extended_format_has_the_size_of_its_canvas() -> None:
    alpha = np.zeros((48, 64, 4), np.uint8)
    data = np.asarray(cv2.imencode(".webp", alpha, (cv2.IMWRITE_WEBP_QUALITY, 50))[1]).tobytes()
    assert data[12:16] == b"VP8X"
    assert compressed_size(message(data)) == (64, 48)


@pytest.mark.parametrize("data", [jpeg_that_says(16000, 65500), png_that_says(40000, 30000)])
def test_an_image_with_a_huge_size_in_its_header_is_not_decoded(data: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(MessageError, match=r"\d+x\d+, expected at most max_image_pixels"):
        rgb_from_compressed(message(data))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_the_caller_sets_the_maximum_number_of_pixels() -> None:
    data = picture_file(".png")
    assert rgb_from_compressed(message(data), 48 * 64).shape == (48, 64, 3)
    with pytest.raises(MessageError, match="64x48, expected at most max_image_pixels"):
        rgb_from_compressed(message(data), 48 * 64 - 1)


def test_a_header_with_a_wrong_size_is_detected() -> None:
    for data in (jpeg_that_says(64, 48), png_that_says(64, 48)):
        with pytest.raises(MessageError, match="cannot be decoded"):
            rgb_from_compressed(message(data))


@pytest.mark.parametrize("lost", [2, 40, 400])
def test_a_jpeg_that_ends_too_early_is_damaged(lost: int) -> None:
    data = picture_file(".jpg", 240, 320)
    with pytest.raises(MessageError, match="ends early"):
        rgb_from_compressed(message(data[:-lost]))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("lost", [1, 13, 2000])
def test_a_file_that_ends_early_is_refused_before_it_is_decoded(suffix: str, lost: int) -> None:
    data = picture_file(suffix, 240, 320)
    assert check_compressed(message(data)) == (320, 240)
    with pytest.raises(MessageError, match="it ends"):
        check_compressed(message(data[:-lost]))


def test_a_jpeg_that_lost_a_packet_in_the_middle_is_damaged() -> None:
    data = picture_file(".jpg", 240, 320)
    middle = len(data) // 2
    with pytest.raises(MessageError, match="premature end of data"):
        rgb_from_compressed(message(data[:middle] + data[middle + 1000 :]))


def test_data_after_the_end_of_a_jpeg_are_no_damage() -> None:
    data = picture_file(".jpg")
    for padding in (b"\0" * 100, b"\xff\xd9", b"rubbish"):
        np.testing.assert_array_equal(
            rgb_from_compressed(message(data + padding)), rgb_from_compressed(message(data))
        )


def test_a_jpeg_with_hundreds_of_scans_is_not_decoded() -> None:
    data = picture_file(".jpg", 48, 64, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    scan = data.index(b"\xff\xda")
    many = data[:scan] + data[scan:-2] * 30 + data[-2:]
    with pytest.raises(MessageError, match="scans"):
        rgb_from_compressed(message(many))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_an_image_may_be_one_pixel_wide_or_high(suffix: str) -> None:
    for height, width in ((1, 1), (1, 9), (9, 1)):
        rgb = rgb_from_compressed(message(picture_file(suffix, height, width)))
        assert rgb.shape == (height, width, 3)


def test_a_jpeg_has_the_colours_that_opencv_decodes() -> None:
    data = picture_file(".jpg", 240, 320)
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    np.testing.assert_array_equal(rgb_from_compressed(message(data)), bgr[..., ::-1])


def test_formats_of_no_camera_are_refused() -> None:
    for suffix in (".bmp", ".tiff", ".jp2", ".ppm"):
        with pytest.raises(MessageError, match="expected a whole JPEG, PNG or WebP"):
            rgb_from_compressed(message(picture_file(suffix), suffix))


def test_a_png_with_a_chunk_longer_than_itself_takes_no_memory_for_it() -> None:
    data = bytearray(picture_file(".png"))
    chunk = data.index(b"IDAT") - 4
    data[chunk : chunk + 4] = (0x6FFFFFFF).to_bytes(4, "big")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MessageError, match="ends within a chunk"):
        rgb_from_compressed(message(bytes(data)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KiB
