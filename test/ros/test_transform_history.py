"""Transforms of the last seconds: chains, interpolation and its limits, waiting."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.transform import Rotation, Slerp

from depth_ros.bag.writer import static_transform
from depth_ros.errors import ScaleError
from depth_ros.ros.transform_history import TransformHistory

SECOND_NS = 1_000_000_000
Floats = npt.NDArray[np.float64]


def pose(number: int) -> Floats:
    rng = np.random.default_rng(number)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.random(random_state=number).as_matrix()
    matrix[:3, 3] = rng.normal(size=3)
    return matrix


def message(parent: str, child: str, matrix: Floats, seconds: float = 0.0) -> Any:
    return static_transform(parent, child, matrix, round(seconds * SECOND_NS))


@pytest.fixture
def history() -> TransformHistory:
    """A camera fixed on a base, which is at pose 1 in odom at 10 s, at pose 2 at 11 s."""
    history = TransformHistory()
    history.add(message("base", "camera", pose(0)), static=True)
    for seconds, number in ((11, 2), (10, 1)):  # out of order, as UDP may deliver
        history.add(message("odom", "base", pose(number), seconds), static=False)
    return history


def look_up(history: TransformHistory, target: str, source: str, seconds: float) -> Floats:
    return history.look_up(target, source, round(seconds * SECOND_NS), 0.0)


def test_a_chain_is_followed_both_ways(history: TransformHistory) -> None:
    expected = pose(1) @ pose(0)
    np.testing.assert_allclose(look_up(history, "odom", "camera", 10), expected, atol=1e-12)
    inverse = np.linalg.inv(expected)
    np.testing.assert_allclose(look_up(history, "/camera", "/odom", 10), inverse, atol=1e-12)


@pytest.mark.parametrize("part", [0.0, 0.25, 0.5, 1.0])
def test_between_two_poses_it_is_interpolated(history: TransformHistory, part: float) -> None:
    found = look_up(history, "odom", "base", 10 + part)
    ends = Rotation.from_matrix([pose(1)[:3, :3], pose(2)[:3, :3]])
    np.testing.assert_allclose(found[:3, :3], Slerp([0, 1], ends)(part).as_matrix(), atol=1e-9)
    middle = (1 - part) * pose(1)[:3, 3] + part * pose(2)[:3, 3]
    np.testing.assert_allclose(found[:3, 3], middle, atol=1e-12)


@pytest.mark.parametrize("seconds", [9.9, 11.1])
def test_nothing_is_extrapolated_but_what_is_fixed(
    history: TransformHistory, seconds: float
) -> None:
    np.testing.assert_allclose(look_up(history, "base", "camera", seconds), pose(0))
    with pytest.raises(ScaleError, match=f"not connected at {seconds:.3f} s"):
        look_up(history, "odom", "camera", seconds)


def test_an_unknown_frame_is_not_connected(history: TransformHistory) -> None:
    with pytest.raises(ScaleError, match="not connected"):
        look_up(history, "map", "camera", 10)


def test_a_loop_is_said(history: TransformHistory) -> None:
    history.add(message("camera", "odom", np.eye(4)), static=True)
    with pytest.raises(ScaleError, match="a loop at"):
        look_up(history, "map", "camera", 10)


def test_what_is_older_than_ten_seconds_is_forgotten(history: TransformHistory) -> None:
    history.add(message("odom", "base", pose(3), 20.5), static=False)
    look_up(history, "odom", "base", 11)
    with pytest.raises(ScaleError):
        look_up(history, "odom", "base", 10)


def test_clearing_forgets_what_moves_alone(history: TransformHistory) -> None:
    history.clear()
    look_up(history, "base", "camera", 10)
    with pytest.raises(ScaleError):
        look_up(history, "odom", "base", 10)


def test_a_transform_that_is_not_finite_is_left_out(history: TransformHistory) -> None:
    broken = message("odom", "base", np.eye(4), 10.5)
    broken.transforms[0].transform.translation.x = np.nan
    history.add(broken, static=False)
    assert np.isfinite(look_up(history, "odom", "base", 10.5)).all()


def test_a_transform_that_comes_late_is_waited_for(history: TransformHistory) -> None:
    late = message("odom", "base", pose(3), 12)
    timer = threading.Timer(0.05, history.add, (late, False))
    timer.start()
    found = history.look_up("odom", "base", 12 * SECOND_NS, 20.0)
    np.testing.assert_allclose(found, pose(3), atol=1e-12)
    timer.join()
