"""Frames of a recording against scipy's rotations, and a tree that a recording broke."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from depth_ros.arrays import FloatArray
from depth_ros.bag import writer as bag
from depth_ros.bag.reader import Record
from depth_ros.bag.transforms import Transforms
from depth_ros.bag.types import TYPESTORE
from depth_ros.errors import ScaleError

rotation = pytest.importorskip("scipy.spatial.transform").Rotation
SECOND = 1_000_000_000
TF = "tf2_msgs/msg/TFMessage"


def pose(seed: int) -> FloatArray:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation.random(random_state=seed).as_matrix()
    matrix[:3, 3] = np.random.default_rng(seed).normal(size=3)
    return matrix


def tf(parent: str, child: str, matrix: Any, at_ns: int = 0) -> Record:
    message = bag.static_transform(parent, child, matrix, at_ns)
    return Record("/tf", TF, at_ns, bytes(TYPESTORE.serialize_cdr(message, TF)))


def test_a_chain_is_multiplied_up_and_down() -> None:
    a, b, c = pose(1), pose(2), pose(3)
    static = [
        tf("base", "arm", a),
        tf("arm", "hand", b),
        tf("/base", "/camera", c),
    ]
    tree = Transforms(static, iter(()))
    assert np.allclose(tree.look_up("base", "hand", 0, 0), a @ b)
    assert np.allclose(tree.look_up("hand", "base", 0, 0), np.linalg.inv(a @ b))
    assert np.allclose(tree.look_up("camera", "hand", 0, 0), np.linalg.inv(c) @ a @ b)
    assert np.allclose(tree.look_up("arm", "arm", 0, 0), np.eye(4))


def test_a_moving_frame_is_taken_nearest_in_time() -> None:
    def moving() -> Iterator[Record]:
        for index in range(100):
            there = np.eye(4)
            there[0, 3] = index
            yield tf("map", "base", there, index * SECOND // 10)

    tree = Transforms([tf("base", "camera", pose(1))], moving())
    for at_ns, index in [(0, 0), (SECOND, 10), (SECOND + 60_000_000, 11), (9 * SECOND, 90)]:
        assert tree.look_up("map", "base", at_ns, at_ns + 5)[0, 3] == index
    with pytest.raises(ScaleError, match="connect base with map"):
        tree.look_up("map", "base", 30 * SECOND, 30 * SECOND)


def test_unconnected_frames_are_an_error() -> None:
    tree = Transforms([tf("base", "camera", pose(1))], iter(()))
    with pytest.raises(ScaleError, match="connect camera with map"):
        tree.look_up("map", "camera", 0, 0)


def test_a_loop_is_an_error() -> None:
    tree = Transforms([tf("a", "b", pose(1)), tf("b", "a", pose(2))], iter(()))
    with pytest.raises(ScaleError, match="loop"):
        tree.look_up("a", "b", 0, 0)
