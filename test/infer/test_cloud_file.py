"""PLY and PCD files, read back by their headers."""

from __future__ import annotations

import numpy as np
import pytest

from depth_ros.estimator import Points
from depth_ros.infer import cloud_file

XYZ = np.array([[0.5, -1.0, 2.0], [1e-3, 0.0, 65.0], [3.0, 2.0, 1.0]], np.float32)
RGB = np.array([[255, 0, 1], [10, 20, 30], [0, 255, 128]], np.uint8)
KINDS = {"float": "<f4", "uchar": "u1"}


def read_ply(data: bytes) -> np.ndarray:
    header, _, body = data.partition(b"end_header\n")
    lines = header.decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    assert lines[2].startswith("element vertex ")
    fields = [line.split()[1:] for line in lines[3:]]
    rows = np.frombuffer(body, np.dtype([(name, KINDS[kind]) for kind, name in fields]))
    assert len(rows) == int(lines[2].split()[2])
    return rows


def read_pcd(data: bytes) -> tuple[dict[str, str], np.ndarray]:
    header, _, body = data.partition(b"DATA binary\n")
    facts = dict(line.split(" ", 1) for line in header.decode().splitlines()[1:])
    assert facts["VERSION"] == "0.7"
    count = len(facts["FIELDS"].split())
    assert [len(facts[key].split()) for key in ("SIZE", "TYPE", "COUNT")] == [count] * 3
    rows = np.frombuffer(body, "<f4").reshape(-1, count)
    assert int(facts["WIDTH"]) == int(facts["POINTS"]) == len(rows)
    return facts, rows


def test_a_ply_file_holds_points_and_colours() -> None:
    rows = read_ply(cloud_file.ply(Points(XYZ, RGB)))
    assert rows.dtype.names == ("x", "y", "z", "red", "green", "blue")
    np.testing.assert_array_equal(np.stack([rows[name] for name in "xyz"], 1), XYZ)
    colours = np.stack([rows[name] for name in ("red", "green", "blue")], 1)
    np.testing.assert_array_equal(colours, RGB)


def test_a_pcd_file_holds_points_and_packed_colours() -> None:
    facts, rows = read_pcd(cloud_file.pcd(Points(XYZ, RGB)))
    assert facts["FIELDS"] == "x y z rgb"
    np.testing.assert_array_equal(rows[:, :3], XYZ)
    packed = np.ascontiguousarray(rows[:, 3]).view("<u4")
    np.testing.assert_array_equal(np.stack([packed >> 16, packed >> 8 & 255, packed & 255], 1), RGB)


@pytest.mark.parametrize("count", [0, 3])
def test_points_without_colour(count: int) -> None:
    points = Points(XYZ[:count], None)
    assert read_ply(cloud_file.ply(points)).dtype.names == ("x", "y", "z")
    facts, rows = read_pcd(cloud_file.pcd(points))
    assert facts["FIELDS"] == "x y z"
    np.testing.assert_array_equal(rows, XYZ[:count])
