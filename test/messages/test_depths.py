"""Depth images to metres and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from depth_ros.errors import MessageError
from depth_ros.messages import depth_content, depth_from_image
from test.messages.makers import (
    Maker,
    colour_image,
    gradient,
    image,
    plain,
    quick,
)

depths = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
)


@quick
@given(depth_m=depths, padding=st.integers(0, 7), bigendian=st.booleans())
def test_metres_come_back_exactly_and_invalid_distances_are_nan(
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
    content = depth_content(depth_m, "32FC1")
    assert content["data"].tobytes() == depth_m.astype("<f4").tobytes()
    assert (content["height"], content["width"]) == depth_m.shape
    assert (content["encoding"], content["step"]) == ("32FC1", 4 * depth_m.shape[1])


@quick
@given(depth_m=depths)
def test_published_millimetres_are_within_half_of_one_or_zero(
    depth_m: npt.NDArray[np.float32],
) -> None:
    content = depth_content(depth_m, "16UC1")
    assert (content["encoding"], content["step"]) == ("16UC1", 2 * depth_m.shape[1])
    mm = np.frombuffer(content["data"].tobytes(), "<u2").reshape(depth_m.shape).astype(np.float64)
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
    np.testing.assert_array_equal(depth_content(depth_m, "16UC1")["data"], mm)


def test_published_depth_needs_a_known_encoding() -> None:
    with pytest.raises(MessageError, match="encoding is '64FC1', expected 32FC1 or 16UC1"):
        depth_content(np.ones((3, 5), np.float32), "64FC1")
