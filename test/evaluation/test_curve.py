"""Means over ranges."""

import numpy as np
import pytest

from depth_ros.evaluation.curve import Curve


def test_the_mean_of_each_range_is_collected_piece_by_piece() -> None:
    curve = Curve([0, 1, 2, 4])
    curve.add(np.array([0.0, 0.5, 1.0, 3.0]), np.array([1.0, 3.0, 5.0, 7.0]))
    curve.add(np.array([4.0, 9.0, -1.0]), np.array([9.0, 100.0, 100.0]))
    x, y = curve.points()
    assert x.tolist() == [0.5, 1.5, 3.0]
    assert y.tolist() == [2.0, 5.0, 8.0]


def test_ranges_with_too_little_in_them_are_not_shown() -> None:
    curve = Curve(np.linspace(0, 1, 5))
    curve.add(np.array([0.1, 0.1, 0.9]), np.array([1.0, 2.0, 3.0]))
    assert curve.points(least=2)[1] == pytest.approx([1.5])
    assert len(Curve([0, 1]).points()[0]) == 0
