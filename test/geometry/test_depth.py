"""Which depths are valid, and whole millimetres."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.geometry.depth import from_millimetres, limit_range, to_millimetres

DEPTHS = st.lists(st.floats(-10, 200, width=32), min_size=1, max_size=20)


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
