"""The time of each measure of the navigation cloud, without asserting times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from benchmarks.nav_cost import MEASURES, REST, WHOLE, Stopwatch, measure, table
from depth_ros import models
from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import DepthFrame, Place
from depth_ros.pipeline.navigator import Navigator
from depth_ros.profile import Profile
from depth_ros.scale.ground import Mount

CAMERA = Camera.from_fov(80, 60, 70.0)
PLACE = replace(Place.of_mount(Mount.from_angles(0.5, 12.0, 0.0)), odom_from_optical=np.eye(4))


class Facts:
    """Of a model whose errors are measured."""

    entry = models.find("zoedepth-lite")


def drive(count: int) -> list[tuple[DepthFrame, Place]]:
    depth_m, rgb = torch.full((60, 80), 1.5), torch.zeros(60, 80, 3, dtype=torch.uint8)
    frames = (DepthFrame(depth_m, rgb, CAMERA, 10**8 * (1 + n), "camera") for n in range(count))
    return [(frame, PLACE) for frame in frames]


def test_every_measure_takes_part_of_the_time_of_a_cloud() -> None:
    navigator = Navigator(Facts(), torch.device("cpu"), Profile())  # type: ignore[arg-type]
    found = measure(navigator, Settings(), drive(8), rounds=2)
    assert list(found) == [*MEASURES, REST, WHOLE]
    assert all((found[name] > 0).all() for name in found)
    parts = sum(found[name] for name in [*MEASURES, REST])
    np.testing.assert_allclose(parts, found[WHOLE])


def test_time_inside_another_measure_counts_once() -> None:
    watch = Stopwatch()
    inner = watch.timed("inner", lambda: None)
    watch.timed("outer", inner)()
    assert list(watch.spent_ms) == ["outer"]


def test_a_measure_over_the_bar_is_said() -> None:
    said = table({"voxels": np.array([1.2, 1.3]), WHOLE: np.array([3.0, 3.0])}).splitlines()
    assert "MISSED: at most 1" in said[1]
    assert "MISSED" not in said[2]
