"""Point cloud files: PLY, for MeshLab and CloudCompare, and PCD, for PCL."""

from __future__ import annotations

import numpy as np

from depth_ros.estimator import Points

_XYZ = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
_RGB = [("red", "u1"), ("green", "u1"), ("blue", "u1")]
_PCD = """# .PCD v0.7 - Point Cloud Data file format
VERSION 0.7
FIELDS {fields}
SIZE {sizes}
TYPE {types}
COUNT {counts}
WIDTH {count}
HEIGHT 1
VIEWPOINT 0 0 0 1 0 0 0
POINTS {count}
DATA binary
"""


def ply(points: Points) -> bytes:
    """Return points as a binary PLY file, x right, y down, z forward in metres."""
    colour = [] if points.rgb is None else _RGB
    rows = np.empty(len(points.xyz), np.dtype([*_XYZ, *colour]))
    for axis, (name, _) in enumerate(_XYZ):
        rows[name] = points.xyz[:, axis]
    if points.rgb is not None:
        for channel, (name, _) in enumerate(_RGB):
            rows[name] = points.rgb[:, channel]
    kinds = [("float", name) for name, _ in _XYZ] + [("uchar", name) for name, _ in colour]
    lines = [
        *("ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"),
        *(f"property {kind} {name}" for kind, name in kinds),
        "end_header",
    ]
    return "\n".join([*lines, ""]).encode() + rows.tobytes()


def pcd(points: Points) -> bytes:
    """Return points as a binary PCD file (v0.7); rgb is packed as in PCL."""
    columns = [points.xyz.astype("<f4")]
    if points.rgb is not None:
        red, green, blue = points.rgb.astype("<u4").T
        columns.append((red << 16 | green << 8 | blue).view("<f4")[:, None])
    rows = np.hstack(columns)
    names = ["x", "y", "z", "rgb"][: rows.shape[1]]
    header = _PCD.format(
        fields=" ".join(names),
        sizes=" ".join("4" for _ in names),
        types=" ".join("F" for _ in names),
        counts=" ".join("1" for _ in names),
        count=len(rows),
    )
    return header.encode() + rows.tobytes()
