"""Plots are SVG that a parser reads, with lines where the numbers are."""

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.evaluation.plot import Axis, lines, nice_ticks


def test_a_line_runs_through_its_points_and_names_are_escaped() -> None:
    x, y = Axis("depth", [1, 2, 4], logarithmic=True), Axis("error", [0, 1])
    drawn = lines([("a<b>&", np.array([1.0, 2.0, 4.0]), np.array([0.0, 0.5, 1.0]))], x, y)
    svg = ElementTree.fromstring(drawn)
    (line,) = svg.iter("polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert points[1][0] == pytest.approx((points[0][0] + points[2][0]) / 2), "logarithmic"
    assert points[0][1] > points[1][1] > points[2][1], "up is more"
    assert any(text.text == "a<b>&" for text in svg.iter("text"))


@given(st.floats(1e-6, 1e6))
def test_ticks_are_few_and_reach_the_highest(highest: float) -> None:
    ticks = nice_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-1] >= highest * (1 - 1e-6)
    assert 3 <= len(ticks) <= 7
