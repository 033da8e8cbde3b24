"""Depth in CompressedImage comes back as its encoder took it."""

from __future__ import annotations

import struct
from contextlib import suppress

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from depth_ros.errors import MessageError
from depth_ros.messages import depth_from, depth_from_compressed, is_depth, rvl
from test.messages.depth_files import FAR_M, QUANTISATION, Stored, inverse, packed
from test.messages.makers import Maker, plain, quick

stored = hnp.arrays(
    np.uint16,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.sampled_from([0, 0, 1, 700, 701, 710, 65535]),
)


@quick
@given(pixels=stored)
@pytest.mark.parametrize("how", ["png", "rvl", ""])
def test_millimetres_come_back(pixels: Stored, how: str) -> None:
    found = depth_from_compressed(packed(pixels, "16UC1", how))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.where(pixels, pixels / 1000, np.nan), rtol=1e-6)


@pytest.mark.parametrize("how", ["png", "rvl"])
def test_metres_come_back_as_finely_as_they_are_quantised(how: str) -> None:
    depth_m = np.linspace(0.3, 12, 30 * 40, dtype=np.float32).reshape(30, 40)
    depth_m[::7, ::5] = np.nan
    found = depth_from_compressed(packed(*_swapped(depth_m, how)))
    known = depth_m < FAR_M
    np.testing.assert_array_equal(np.isfinite(found), known)
    step = depth_m**2 / (QUANTISATION * (QUANTISATION + 1))  # of one unit of inverse depth
    assert (np.abs(found - depth_m)[known] <= 1.01 * step[known]).all()


def _swapped(depth_m: npt.NDArray[np.float32], how: str) -> tuple[Stored, str, str, float, float]:
    pixels, a, b = inverse(depth_m)
    return pixels, "32FC1", how, a, b


def test_a_plain_png_of_depth_is_read_too() -> None:
    pixels = np.array([[0, 1500], [250, 65535]], np.uint16)
    data = np.asarray(cv2.imencode(".png", pixels)[1]).tobytes()
    msg = plain("CompressedImage", format="16UC1; png compressed ", data=data)
    np.testing.assert_allclose(depth_from(msg), [[np.nan, 1.5], [0.25, 65.535]], rtol=1e-6)


def test_both_kinds_of_messages_are_read_and_distinguished_from_colour(make: Maker) -> None:
    pixels = np.array([[1000, 2000]], np.uint16)
    packed_image = packed(pixels, "16UC1", "png")
    data = np.frombuffer(packed_image.data, np.uint8)
    msg = make("CompressedImage", format=packed_image.format, data=data)
    raw = make(
        "Image", height=1, width=2, step=4, encoding="16UC1", data=pixels.view(np.uint8).reshape(-1)
    )
    for each in (msg, raw):
        assert is_depth(each)
        np.testing.assert_allclose(depth_from(each), [[1, 2]])
    assert not is_depth(make("CompressedImage", format="jpeg", data=data))
    with pytest.raises(MessageError, match="expected depth"):
        depth_from(make("CompressedImage", format="jpeg", data=data))


WHOLE = packed(np.arange(600, dtype=np.uint16).reshape(20, 30), "16UC1", "rvl")


@pytest.mark.parametrize("length", [*range(0, 30, 3), len(WHOLE.data) // 2, len(WHOLE.data) - 8])
@pytest.mark.parametrize("how", ["png", "rvl"])
def test_truncated_data_are_damaged(how: str, length: int) -> None:
    msg = plain("CompressedImage", format=f"16UC1; compressedDepth {how}", data=WHOLE.data[:length])
    with pytest.raises(MessageError):
        depth_from_compressed(msg)


@quick
@given(data=st.binary(max_size=80), count=st.integers(1, 60))
def test_no_bytes_are_anything_but_pixels_or_an_error(data: bytes, count: int) -> None:
    with suppress(ValueError):
        assert rvl.decode(data, count).shape == (count,)


@pytest.mark.parametrize(
    ("size", "problem"),
    [((65000, 65000), "max_image_pixels"), ((0, 7), "is 0x7"), ((9, 9), "whole")],
)
def test_a_size_without_its_data_is_refused(size: tuple[int, int], problem: str) -> None:
    data = bytes(12) + struct.pack("<II", *size) + bytes(4)
    msg = plain("CompressedImage", format="16UC1; compressedDepth rvl", data=data)
    with pytest.raises(MessageError, match=problem):
        depth_from_compressed(msg)


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (float("nan"), 1.0), (100.0, float("inf"))])
def test_an_invalid_quantisation_is_refused(a: float, b: float) -> None:
    with pytest.raises(MessageError, match="quantisation"):
        depth_from_compressed(packed(np.ones((2, 2), np.uint16), "32FC1", "png", a, b))


def test_a_colour_image_is_no_depth() -> None:
    data = bytes(12) + np.asarray(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1]).tobytes()
    msg = plain("CompressedImage", format="16UC1; compressedDepth png", data=data)
    with pytest.raises(MessageError, match="one channel of 16 bits"):
        depth_from_compressed(msg)
