"""The parts of one picture."""

import numpy as np
import pytest

from depth_ros.evaluation.picture import coloured
from depth_ros.viz.panel import Panel, Range, round_range
from test.viz.scene import shot


@pytest.mark.parametrize(
    ("least_m", "most_m", "expected"),
    [(0.6, 3.0, Range(0.5, 4.0)), (2.5, 7.0, Range(2.0, 8.0)), (4.0, 60.0, Range(5.0, 80.0))],
)
def test_a_range_is_round_and_holds_the_depth(
    least_m: float, most_m: float, expected: Range
) -> None:
    depth_m = np.linspace(least_m, most_m, 40 * 30, dtype=np.float32).reshape(30, 40)
    assert round_range(depth_m) == expected


def test_what_lies_farther_than_every_range_ends_at_the_last() -> None:
    assert round_range(np.full((30, 40), 5000.0, np.float32)).far_m == 200.0


def test_the_scale_has_the_colours_that_the_depth_has() -> None:
    panel, frame = Panel("camera"), shot(0)
    depth = panel.draw(*frame[1:])[:, 320:640]
    near_m, far_m = round_range(frame.depth_m)
    for share in (0.1, 0.5, 0.9):
        depth_m = 1 / (1 / near_m + share * (1 / far_m - 1 / near_m))
        flat = coloured(np.full((48, 64), depth_m, np.float32), near_m, far_m)[100, 100]
        assert np.abs(depth[-3, int(share * 320)].astype(int) - flat).max() <= 12


def test_the_range_does_not_change_from_frame_to_frame() -> None:
    panel, frame = Panel("camera"), shot(0)
    blind = frame._replace(depth_m=np.full_like(frame.depth_m, np.nan))
    panel.draw(*blind[1:])
    first = panel.draw(*frame[1:])
    farther = frame._replace(depth_m=frame.depth_m * 10)
    panel.draw(*farther[1:])
    assert np.array_equal(panel.draw(*frame[1:]), first)
