"""Ranges of a laser scan from points."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros.arrays import FloatArray
from depth_ros.errors import FrameError
from depth_ros.geometry.navigation import Points

_NEAREST_M = 0.2  # nearer points can be in any direction if the scan's frame is not the camera's


class Beams(NamedTuple):
    """The directions of a scan: x forward, y left, angles increase to the left.

    Attributes:
        angle_min, angle_increment: radians.
        size: number of beams.
    """

    angle_min: float
    angle_increment: float
    size: int

    @property
    def angle_max(self) -> float:
        """Angle of the last beam in radians."""
        return self.angle_min + (self.size - 1) * self.angle_increment


def beams_of(
    rays: npt.NDArray[np.float32],
    scan_from_optical: FloatArray,
    far_m: float,
    count: int,
) -> Beams:
    """Return beams that cover the field of view of an image.

    Args:
        rays: (H, W, 2) viewing rays x/z and y/z; NaN: no ray.
        scan_from_optical: 4x4 transform of points from the optical frame to the scan's frame.
        far_m: maximum range.
        count: number of beams.
    """
    border = np.concatenate([rays[0], rays[-1], rays[:, 0], rays[:, -1]]).astype(np.float64)
    border = np.column_stack([border, np.ones(len(border))])[np.isfinite(border).all(1)]
    turn, origin = scan_from_optical[:3, :3], scan_from_optical[:3, 3]
    points = np.concatenate([m * border @ turn.T + origin for m in (_NEAREST_M, far_m)])
    angles = np.arctan2(points[:, 1], points[:, 0])
    low, high = float(angles.min()), float(angles.max())
    return Beams(low, (high - low) / max(1, count - 1), count)


def nearest_ranges(points_m: Points, hits: Tensor, free: Tensor, beams: Beams) -> Tensor:
    """Return the distance to the nearest hit in each beam, float32 (count,), as in REP 117.

    +inf: free points but no hit, NaN: unknown. As in pointcloud_to_laserscan, the z of points is
    ignored.

    Args:
        points_m: (...) each, in the scan's frame.
        hits: bool (...), the points at which a beam ends.
        free: bool (...), the points that a beam passes.
        beams: the directions.
    """
    x, y = points_m.x.flatten(), points_m.y.flatten()
    angle = torch.atan2(y, x)
    beam = ((angle - beams.angle_min) / (beams.angle_increment or 1.0)).round()
    inside = (beam >= 0) & (beam < beams.size)  # false for NaN
    # Points outside all beams go to an extra beam at the end.
    beam = torch.where(inside, beam, beams.size).long()
    none = torch.full((beams.size + 1,), math.inf, dtype=x.dtype, device=x.device)
    range_m = torch.hypot(x, y).masked_fill(~hits.flatten(), math.inf)
    nearest = none.scatter_reduce(0, beam, range_m.nan_to_num(math.inf, math.inf), "amin")
    known = (hits | free).flatten().to(x.dtype)
    seen = torch.zeros_like(none).scatter_reduce_(0, beam, known, "amax") > 0
    return nearest.masked_fill_(~seen, math.nan)[:-1]


def body_frame(optical_frame: str) -> str:
    """Return the name of a camera's frame with x forward from its optical frame (REP 103).

    camera_color_optical_frame becomes camera_color_frame, camera_optical becomes camera.

    Raises:
        FrameError: the name does not end in _optical or _optical_frame.
    """
    for ending, instead in (("_optical_frame", "_frame"), ("_optical", "")):
        if optical_frame.endswith(ending):
            return optical_frame.removesuffix(ending) + instead
    raise FrameError(
        f"the images' frame is '{optical_frame}', expected one that ends in _optical_frame: "
        "name the scan's frame (scan.frame), x ahead and y left"
    )
