"""The benchmark of costmaps: what it counts, and what it compares."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.costmap import SHIPPED, Cells, Map, count, draw, ways
from depth_ros.navigation.costmap_parameters import VoxelParameters

CORNER, ROBOT = np.array([-2.0, -2.0]), np.array([0.0, 0.0])


def costmap(*cells: tuple[int, int]) -> Map:
    lethal = np.zeros((80, 80), np.bool_)
    for y, x in cells:
        lethal[y, x] = True
    return Map(lethal, CORNER, ROBOT)


def test_what_is_more_than_10_cm_away_is_false_or_missed() -> None:
    own = costmap((40, 42), (40, 60), (10, 10))
    true = costmap((40, 40), (40, 63), (70, 70))
    found = count([own], [true], 0.05)
    # (40, 60) and (40, 63) are 15 cm apart; (10, 10) is 2.1 m from the robot.
    assert found == Cells(own=3, true=3, false=2, missed=2, near=1, maps=1)


def test_equal_maps_have_nothing_false() -> None:
    found = count([costmap((3, 4))] * 2, [costmap((3, 4))] * 2, 0.05)
    assert found == Cells(2, 2, 0, 0, 0, 2)
    assert found.misses() == []


def test_bars_that_are_missed_are_said() -> None:
    said = Cells(own=100, true=100, false=20, missed=4, near=30, maps=5).misses()
    assert said == ["false 0.2 (at most 0.15)", "false near the robot 6 (at most 5)"]


def test_a_picture_tells_false_missed_and_right_apart() -> None:
    picture = draw(costmap((30, 42), (10, 10)), costmap((30, 41), (70, 70)))
    colours = {tuple(map(int, colour)) for colour in np.unique(picture.reshape(-1, 3), axis=0)}
    assert {(240, 240, 240), (255, 80, 70), (90, 130, 255)} <= colours


def test_the_last_ways_are_what_is_shipped() -> None:
    (shipped,) = [way for way in ways() if way.name == SHIPPED]
    (voxels,) = [e for e in shipped.parameters.layers if isinstance(e, VoxelParameters)]
    assert shipped.nav
    assert shipped.settings.stride == 4
    assert {source.marking for source in voxels.sources} == {True, False}
    before = ways()[0]
    assert not before.nav
    assert before.settings.scale_mode == "model"
    assert before.settings.nav_max_height_m == pytest.approx(shipped.settings.nav_max_height_m)
