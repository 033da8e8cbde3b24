"""Which depths are valid, inverse depth, and whole millimetres."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.geometry.depth import (
    depth_from_inverse,
    from_millimetres,
    inverse_from_depth,
    limit_range,
    scaled_depth,
    to_millimetres,
)

DEPTHS = st.lists(st.floats(-10, 200, width=32), min_size=1, max_size=20)
ODD = st.sampled_from([torch.nan, torch.inf, -torch.inf, 0.0, -0.0, -1e-30])
VALUES = st.lists(ODD | st.floats(1e-4, 1e6) | st.floats(-1e6, -1e-4), min_size=1, max_size=20)


@given(DEPTHS)
def test_range_keeps_what_is_inside_and_marks_the_rest(values: list[float]) -> None:
    depth_m = torch.tensor(values)
    limited = limit_range(depth_m.clone(), 0.5, 20.0)
    inside = (depth_m >= 0.5) & (depth_m < 20)
    assert torch.equal(limited[inside], depth_m[inside])
    assert torch.isposinf(limited[depth_m >= 20]).all()
    assert torch.isnan(limited[depth_m < 0.5]).all()


def test_what_is_no_number_or_not_positive_is_no_estimate() -> None:
    depth_m = torch.tensor([torch.nan, -torch.inf, 0.0, -1.0, torch.inf])
    limited = limit_range(depth_m, 0.0, 10.0)
    assert torch.isnan(limited[:4]).all()
    assert torch.isposinf(limited[4])


@given(st.lists(st.integers(1, 65535), min_size=1, max_size=20))
def test_whole_millimetres_survive_the_way_to_metres_and_back(values: list[int]) -> None:
    depth_mm = np.array(values, np.uint16)
    assert np.array_equal(to_millimetres(from_millimetres(depth_mm)), depth_mm)


def test_what_does_not_fit_millimetres_is_invalid_and_never_wraps() -> None:
    depth_m = np.array([65.5354, 65.536, 66.0, 1e30, np.inf, np.nan, -1, 0, 0.0004], np.float32)
    assert to_millimetres(depth_m).tolist() == [65535, 0, 0, 0, 0, 0, 0, 0, 0]


def test_inverse_depth_and_depth_are_inverse_to_each_other_with_infinity_at_zero() -> None:
    depth_m = torch.tensor([[0.5, 4.0, torch.inf], [torch.nan, 1e-3, 1e6]])
    inverse = torch.tensor([[2.0, 0.25, 0.0], [torch.nan, 1e3, 1e-6]])
    torch.testing.assert_close(inverse_from_depth(depth_m), inverse, equal_nan=True)
    torch.testing.assert_close(depth_from_inverse(inverse), depth_m, equal_nan=True)


@given(VALUES)
def test_what_is_a_depth_survives_the_way_to_inverse_depth_and_back(values: list[float]) -> None:
    depth_m = torch.tensor(values)
    valid = torch.where(depth_m > 0, depth_m, torch.nan)
    back = depth_from_inverse(inverse_from_depth(depth_m))
    torch.testing.assert_close(back, valid, equal_nan=True)


@given(VALUES)
def test_what_is_not_positive_in_inverse_depth_is_beyond_range(values: list[float]) -> None:
    inverse = torch.tensor(values)
    depth_m = depth_from_inverse(inverse)
    assert torch.equal(torch.isposinf(depth_m), inverse <= 0)
    assert torch.equal(torch.isnan(depth_m), torch.isnan(inverse))
    assert not (depth_m < 0).any()


@given(VALUES)
def test_inverse_depth_knows_the_same_pixels_as_the_range_does(values: list[float]) -> None:
    depth_m = torch.tensor(values)
    limited = limit_range(depth_m.clone(), 0.0, torch.inf)
    assert torch.equal(torch.isnan(inverse_from_depth(depth_m)), torch.isnan(limited))
    assert torch.equal(inverse_from_depth(depth_m) == 0, torch.isposinf(limited))


@pytest.mark.parametrize("convert", [inverse_from_depth, depth_from_inverse])
def test_a_conversion_leaves_its_argument_alone(
    convert: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    values = torch.tensor([[-1.0, 0.0, 2.0]])
    convert(values)
    assert values.tolist() == [[-1.0, 0.0, 2.0]]


@pytest.mark.parametrize(("near_m", "far_m"), [(0.0, torch.inf), (0.3, 7.7), (1.0, 2.0)])
def test_a_range_in_tensors_is_the_range_in_numbers_to_the_last_bit(
    near_m: float, far_m: float
) -> None:
    edges = torch.tensor([near_m, far_m])
    beside = [torch.nextafter(edges, torch.full((2,), end)) for end in (-1e9, 1e9)]
    special = torch.tensor([torch.nan, torch.inf, -torch.inf, 0.0, -0.0, -1.0, 1e-42])
    depth_m = torch.cat([edges, *beside, special, torch.linspace(-1, 9, 1000)])
    ends = [torch.tensor(end, dtype=torch.float64) for end in (near_m, far_m)]
    known = limit_range(depth_m.clone(), near_m, far_m)
    for pair in ((ends[0], ends[1]), (ends[0], far_m), (near_m, ends[1])):
        assert same_bits(limit_range(depth_m.clone(), *pair), known)


def same_bits(found: torch.Tensor, known: torch.Tensor) -> bool:
    return torch.equal(found.nan_to_num(-1), known.nan_to_num(-1))


@pytest.mark.parametrize("inverse", [True, False])
def test_scale_and_shift_in_tensors_are_those_in_numbers(inverse: bool) -> None:
    values = torch.linspace(-2, 3, 1001)
    numbers = (0.123456789, -0.0987654321)
    scale, shift = (torch.tensor(number, dtype=torch.float64) for number in numbers)
    known = scaled_depth(values, *numbers, inverse)
    assert torch.equal(scaled_depth(values, scale, shift, inverse), known)
