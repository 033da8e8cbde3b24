"""Point clouds to points."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.errors import MessageError
from depth_ros.messages import (
    cloud_content,
    cloud_fields,
    point_step,
    points_from_cloud,
)
from test.messages.makers import (
    Bytes,
    Maker,
    plain,
    quick,
)

Fields = list[tuple[str, int, int]]  # name, offset, datatype


def cloud(
    make: Maker, points: Bytes, fields: Fields, row_padding: int = 0, bigendian: bool = False
) -> Any:
    """Make a PointCloud2 of points' bytes (H, W, point_step)."""
    height, width, step = points.shape
    rows = np.pad(points.reshape(height, -1), ((0, 0), (0, row_padding)), constant_values=171)
    return make(
        "PointCloud2",
        height=height,
        width=width,
        fields=[
            make("PointField", name=name, offset=offset, datatype=datatype, count=1)
            for name, offset, datatype in fields
        ],
        is_bigendian=bigendian,
        point_step=step,
        row_step=rows.shape[1],
        data=rows.ravel(),
        is_dense=True,
    )


def packed_colours(rgb: Bytes) -> npt.NDArray[np.uint32]:
    red, green, blue = np.moveaxis(rgb.astype(np.uint32), -1, 0)
    packed: npt.NDArray[np.uint32] = red << 16 | green << 8 | blue
    return packed


@quick
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 7)),
    number=st.sampled_from([("f4", 7), ("f8", 8)]),
    colour=st.sampled_from([None, ("rgb", 7), ("rgb", 6), ("rgba", 6)]),
    gaps=st.tuples(*[st.integers(0, 5)] * 5),
    row_padding=st.integers(0, 9),
    bigendian=st.booleans(),
)
def test_a_clouds_points_are_found_wherever_its_fields_lie(
    make: Maker,
    shape: tuple[int, int],
    number: tuple[str, int],
    colour: tuple[str, int] | None,
    gaps: tuple[int, ...],
    row_padding: int,
    bigendian: bool,
) -> None:
    rng = np.random.default_rng(shape[0] * 8 + shape[1])
    xyz = rng.normal(size=(*shape, 3)).astype(np.float32)
    rgb = rng.integers(0, 256, (*shape, 3), np.uint8)
    parts = [(name, number[1], xyz[..., "xyz".index(name)].astype(number[0])) for name in "zxy"]
    if colour:
        parts.append((*colour, packed_colours(rgb)))
    fields: Fields = []
    columns: list[Bytes] = []
    for gap, (name, datatype, values) in zip(gaps, parts, strict=False):
        columns.append(np.zeros((*shape, gap), np.uint8))
        fields.append((name, sum(column.shape[2] for column in columns), datatype))
        wire = values.astype(values.dtype.newbyteorder(">" if bigendian else "<"))
        columns.append(wire[..., None].view(np.uint8))
    columns.append(np.zeros((*shape, gaps[-1]), np.uint8))
    points = np.concatenate(columns, axis=2)
    read = points_from_cloud(cloud(make, points, fields, row_padding, bigendian))
    leading = shape[1:] if shape[0] == 1 else shape
    assert read.xyz.dtype == np.float32
    np.testing.assert_array_equal(read.xyz, xyz.reshape(*leading, 3), strict=True)
    if colour:
        np.testing.assert_array_equal(read.rgb, rgb.reshape(*leading, 3))
    else:
        assert read.rgb is None


def test_the_published_layout_is_the_one_that_is_read(make: Maker) -> None:
    for colour in (False, True):
        fields = [(f.name, f.offset, f.datatype) for f in cloud_fields(colour)]
        values = np.arange(6 * len(fields), dtype="<f4").reshape(2, 3, -1)
        points = values.view(np.uint8)
        assert points.shape[2] == point_step(colour)
        read = points_from_cloud(cloud(make, points, fields))
        np.testing.assert_array_equal(read.xyz, values[..., :3])
        assert (read.rgb is not None) == colour
        assert make("PointField", **asdict(cloud_fields(colour)[-1])).count == 1


def test_a_written_cloud_is_read_again() -> None:
    for shape in ((3, 2), (6,)):
        values = np.arange(24, dtype="<f4").reshape(*shape, 4)
        content = cloud_content(values.view(np.uint8))
        assert content["is_dense"] == (len(shape) == 1)
        read = points_from_cloud(SimpleNamespace(**content))
        np.testing.assert_array_equal(read.xyz, values[..., :3])
        assert read.rgb is not None


def test_a_cloud_may_be_empty(make: Maker) -> None:
    fields = [(field.name, field.offset, field.datatype) for field in cloud_fields(True)]
    read = points_from_cloud(cloud(make, np.zeros((1, 0, 16), np.uint8), fields))
    assert read.xyz.shape == (0, 3)
    assert read.rgb is not None
    assert read.rgb.shape == (0, 3)


XYZ = [("x", 0, 7), ("y", 4, 7), ("z", 8, 7)]


@pytest.mark.parametrize(
    ("fields", "changes", "named"),
    [
        (XYZ[:2], {}, "no field z, expected x, y and z"),
        ([("x", 0, 7), ("y", 4, 3), ("z", 8, 7)], {}, "'y' has datatype 3"),
        ([*XYZ, ("rgb", 12, 8)], {}, "'rgb' has datatype 8"),
        ([*XYZ, ("rgb", 13, 7)], {}, "'rgb' at offset 13 does not fit point_step 16"),
        (XYZ, {"row_step": 47}, "row_step 47"),
        (XYZ, {"data": np.zeros(95, np.uint8)}, "has 95 bytes"),
        (XYZ, {"height": 3}, "3x3 cloud.*has 96 bytes"),
    ],
)
def test_a_contradictory_cloud_names_the_field_and_what_was_expected(
    fields: Fields, changes: dict[str, Any], named: str
) -> None:
    msg = cloud(plain, np.zeros((2, 3, 16), np.uint8), fields)
    for name, value in changes.items():
        setattr(msg, name, value)
    with pytest.raises(MessageError, match=named):
        points_from_cloud(msg)
