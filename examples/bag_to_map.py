"""Merge the depth of a recording into one point cloud, by the poses of its TF.

python examples/bag_to_map.py my_bag map.ply --fixed-frame odom

The recording has images, camera_info, /tf and /tf_static. `depth_ros convert` estimates depth.
Settings: --set scale.mode=ground, for example.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from bisect import bisect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_ros import Points, cli
from depth_ros.bag.reader import Recording
from depth_ros.bag.types import TYPESTORE
from depth_ros.cli import exit_codes
from depth_ros.infer.cloud_file import ply

Matrix = npt.NDArray[np.float64]


class Poses:
    """The transforms of a recording: each frame's pose in its parent, over time."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._poses: dict[str, list[tuple[int, Matrix]]] = {}

    def add(self, message: Any) -> None:
        """Take a tf2_msgs/TFMessage."""
        for each in message.transforms:
            self._parents[each.child_frame_id] = each.header.frame_id
            pose = matrix(each.transform)
            self._poses.setdefault(each.child_frame_id, []).append((stamp_ns(each.header), pose))

    def find(self, fixed: str, frame: str, time_ns: int) -> Matrix:
        """Return the pose (4, 4) of a frame in a fixed one: of each link the nearest in time."""
        pose = np.eye(4)
        while frame != fixed:
            if frame not in self._parents:
                raise SystemExit(f"TF does not lead from {frame} to {fixed}")
            found = self._poses[frame]
            after = bisect(found, time_ns, key=lambda each: each[0])
            nearest = min(found[max(0, after - 1) : after + 1], key=lambda e: abs(e[0] - time_ns))
            pose = nearest[1] @ pose
            frame = self._parents[frame]
        return pose


def matrix(transform: Any) -> Matrix:
    """Return a geometry_msgs/Transform as a matrix (4, 4)."""
    q, t = transform.rotation, transform.translation
    x, y, z, w = np.array([q.x, q.y, q.z, q.w]) / np.linalg.norm([q.x, q.y, q.z, q.w])
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), t.x],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), t.y],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), t.z],
            [0, 0, 0, 1],
        ]
    )


def stamp_ns(header: Any) -> int:
    """Return a header's stamp in nanoseconds."""
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)


def messages(bag: Path, *topics: str) -> Iterator[Any]:
    """Give the messages of topics, of which only the last part may be named."""
    with Recording(bag) as recording:
        chosen = [name for name in recording.topics if name.endswith(topics)]
        for record in recording.records(chosen) if chosen else ():
            yield TYPESTORE.deserialize_cdr(record.data, record.kind)


def thinned(points: Points, cell_m: float) -> Points:
    """Return one point of each cube with edges of cell_m."""
    cells = np.floor(points.xyz / cell_m).astype(np.int64)
    _, first = np.unique(cells, axis=0, return_index=True)
    assert points.rgb is not None
    return Points(points.xyz[first], points.rgb[first])


def merged(clouds: Path, poses: Poses, fixed: str, cell_m: float) -> Points:
    """Return the clouds of a converted recording in a fixed frame."""
    xyz, rgb = [], []
    for message in messages(clouds, "/points"):
        rows = message.data.view(np.float32).reshape(-1, message.point_step // 4)
        pose = poses.find(fixed, message.header.frame_id, stamp_ns(message.header))
        xyz.append((rows[:, :3] @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32))
        rgb.append(rows.view(np.uint8)[:, 14:11:-1])  # the bytes b, g, r, 0
    if not xyz:
        raise SystemExit("the recording gave no points")
    return thinned(Points(np.concatenate(xyz), np.concatenate(rgb)), cell_m)


def main(said: list[str] | None = None) -> int:
    """Convert the recording, merge its points and write them; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bag", type=Path, help="recording")
    parser.add_argument("out", type=Path, help="the map, .ply")
    parser.add_argument("--fixed-frame", default="odom", help="default: %(default)s")
    parser.add_argument("--every", default="5", help="only every n-th image; default: %(default)s")
    parser.add_argument("--cell-m", type=float, default=0.03, help="default: %(default)g m")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args(said)
    poses = Poses()
    for message in messages(options.bag, "/tf", "/tf_static"):
        poses.add(message)
    with tempfile.TemporaryDirectory() as folder:
        clouds = Path(folder) / "clouds"
        settings = ["stride=4", "max_depth_m=5", "scale.steady_s=0.5", *options.set]
        command = ["convert", str(options.bag), str(clouds), "--with", "points", "--only-depth"]
        pairs = [f"--set={setting}" for setting in settings]
        code = cli.main([*command, "--every", options.every, *pairs])
        if code not in (exit_codes.DONE, exit_codes.DAMAGED):
            return code
        result = merged(clouds, poses, options.fixed_frame, options.cell_m)
    options.out.write_bytes(ply(result))
    print(f"written: {options.out}, {len(result.xyz)} points in {options.fixed_frame}")
    return code


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
