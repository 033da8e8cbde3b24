"""Depth on a logarithmic scale."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.models.grin import log_depth

ENDS_M = (0.1, 20.0)
ranges = st.tuples(st.floats(0.01, 1.0), st.floats(2.0, 500.0))


@given(ranges, st.floats(0, 1))
def test_depth_comes_back_from_its_values(ends_m: tuple[float, float], share: float) -> None:
    depth_m = torch.tensor(ends_m[0] + share * (ends_m[1] - ends_m[0]), dtype=torch.float64)
    found = log_depth.decode(log_depth.encode(depth_m, *ends_m), *ends_m)
    torch.testing.assert_close(found, depth_m, rtol=1e-9, atol=0)


def test_the_range_ends_at_minus_one_and_one() -> None:
    values = log_depth.encode(torch.tensor(ENDS_M), *ENDS_M)
    torch.testing.assert_close(values, torch.tensor([-1.0, 1.0]), rtol=0, atol=1e-6)
    torch.testing.assert_close(
        log_depth.decode(torch.tensor([-1.0, 1.0]), *ENDS_M), torch.tensor(ENDS_M)
    )


def test_the_middle_is_the_geometric_mean() -> None:
    middle_m = log_depth.decode(torch.tensor(0.0), *ENDS_M)
    assert float(middle_m) == pytest.approx(math.sqrt(ENDS_M[0] * ENDS_M[1]))


def test_equal_ratios_of_depth_are_equal_steps() -> None:
    values = log_depth.encode(0.2 * 2.0 ** torch.arange(6), *ENDS_M)
    torch.testing.assert_close(values.diff(), values.diff()[:1].expand(5))
    assert values.diff()[0] > 0


def test_depth_outside_the_range_is_clamped() -> None:
    outside_m = torch.tensor([1e-6, -3.0, 0.0, 21.0, torch.inf])
    values = log_depth.encode(outside_m, *ENDS_M)
    torch.testing.assert_close(values, torch.tensor([-1.0, -1.0, -1.0, 1.0, 1.0]))


def test_a_spread_of_values_is_one_of_the_logarithm() -> None:
    values = torch.linspace(-0.7, 0.4, 50, dtype=torch.float64)
    logarithms = log_depth.decode(values, *ENDS_M).log()
    torch.testing.assert_close(log_depth.log_spread(values.std(), *ENDS_M), logarithms.std())
