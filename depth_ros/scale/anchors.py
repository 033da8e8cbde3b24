"""Sparse metric depth from other sensors, as the camera sees it, and the scale that it gives.

Lidars, depth cameras and points of a map all become anchors: pixels whose depth is known. Points
are (N, 3) in metres; poses are 4x4 and turn points of a child's frame into the parent's (REP 103).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros.errors import ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.scale.fit import Fit, Floats, robust

OPTICAL_FROM_BODY: Floats = np.array(
    [[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]],
)
"""Turns points with x ahead, y left, z up into the optical frame: x right, y down, z ahead."""

_MOST_POINTS = 2000  # of a depth image: more do not make a fit better, only slower
MOST_DEVIATION = 0.15
"""Of the scale: anchors on a wall straight ahead tell a shift and no scale."""
_INVERSE = "affine_inverse_depth"
_HAS_SHIFT = {"metric_depth": False, "affine_depth": True, _INVERSE: True}


@dataclass(frozen=True)
class Anchors:
    """Pixels whose depth another sensor knows.

    Attributes:
        pixels: (N, 2) u and v, inside of the camera's image.
        depth_m: (N,) z-depth, positive and finite.
    """

    pixels: Floats
    depth_m: Floats

    def thinned(self, most: int) -> Anchors:
        """Return at most so many of them, evenly chosen."""
        step = max(1, -(-len(self.depth_m) // most))
        return Anchors(self.pixels[::step], self.depth_m[::step])


def from_points(points: npt.ArrayLike, camera: Camera) -> Anchors:
    """Return the points (N, 3) of the camera's optical frame that lie in its image.

    What is not finite, behind the camera or outside of the image is left out. What the camera
    cannot see because something hides it is not: no point tells.
    """
    xyz = np.asarray(points, np.float64).reshape(-1, 3)
    xyz = xyz[np.isfinite(xyz).all(axis=1)]
    pixels = camera.project(xyz)
    size = (camera.width, camera.height)
    inside = ((pixels >= -0.5) & (pixels < np.subtract(size, 0.5))).all(axis=1)
    return Anchors(pixels[inside], xyz[inside, 2])


def points_from_scan(
    ranges: npt.ArrayLike,
    angle_min: float,
    angle_increment: float,
    range_min: float,
    range_max: float,
) -> Floats:
    """Return the points (N, 3) of a sensor_msgs/LaserScan in the scan's frame: x ahead, y left.

    Angles are in radians, ranges in metres. NaN, infinities (REP 117) and what is out of range are
    left out.
    """
    range_m = np.asarray(ranges, np.float64)
    angle = angle_min + angle_increment * np.arange(len(range_m))
    valid = np.isfinite(range_m) & (range_m >= range_min) & (range_m <= range_max)
    r, a = range_m[valid], angle[valid]
    return np.stack([r * np.cos(a), r * np.sin(a), np.zeros_like(r)], axis=1)


def from_depth(depth_m: npt.ArrayLike, camera: Camera, most: int = _MOST_POINTS) -> Floats:
    """Return points (N, 3) of a depth image in its own camera's optical frame.

    Args:
        depth_m: (h, w) z-depth; NaN, infinity, 0 and negative mean that there is no point.
        camera: the depth image's own.
        most: N is at most this: only every n-th pixel of every n-th row is looked at.

    Raises:
        ScaleError: image and camera differ in size, or most is not positive.
    """
    depth = np.asarray(depth_m, np.float64)
    if depth.shape != (camera.height, camera.width):
        raise ScaleError(
            f"depth image is {depth.shape}, expected {(camera.height, camera.width)} of its camera"
        )
    step = _step(*depth.shape, most)
    z, rays = depth[::step, ::step], camera.rays()[::step, ::step]
    valid = np.isfinite(z) & (z > 0) & np.isfinite(rays).all(axis=-1)
    z, rays = z[valid], rays[valid]
    return np.concatenate([rays * z[:, None], z[:, None]], axis=1)


def _step(height: int, width: int, most: int) -> int:
    """Return the smallest stride that leaves at most so many pixels."""
    if most < 1:
        raise ScaleError(f"at most {most} points are asked for, expected 1 or more")
    return next(n for n in count(1) if math.ceil(height / n) * math.ceil(width / n) <= most)


def transform(points: npt.ArrayLike, pose: npt.ArrayLike) -> Floats:
    """Return points (N, 3) of the child's frame in the parent's, by a 4x4 pose."""
    matrix = np.asarray(pose, np.float64)
    moved: Floats = np.asarray(points, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def pose_matrix(x: float, y: float, z: float, roll: float, pitch: float, yaw: float) -> Floats:
    """Return the 4x4 pose of a position [m] and fixed-axis angles [rad] (REP 103).

    R = Rz(yaw) Ry(pitch) Rx(roll): roll about x first, then pitch about y, then yaw about z, as in
    tf2 and URDF.
    """
    cr, cp, cy = math.cos(roll), math.cos(pitch), math.cos(yaw)
    sr, sp, sy = math.sin(roll), math.sin(pitch), math.sin(yaw)
    rx = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    ry = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    rz = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rz @ ry @ rx, (x, y, z)
    return pose


def sample(values: Tensor, anchors: Anchors) -> Floats:
    """Return values (H, W), on any device, at the pixels (N,) nearest to the anchors.

    Raises:
        ScaleError: an anchor lies outside of values.
    """
    u, v = np.floor(anchors.pixels + 0.5).astype(np.int64).T
    height, width = values.shape
    if len(u) and (min(u.min(), v.min()) < 0 or u.max() >= width or v.max() >= height):
        raise ScaleError(
            f"anchors reach from pixel ({u.min()}, {v.min()}) to ({u.max()}, {v.max()}), "
            f"expected inside of {width}x{height}"
        )
    # Gathered where the values are: the copy to the CPU is N numbers, not an image.
    index = torch.from_numpy(v * width + u).to(values.device)
    return values.flatten()[index].float().cpu().numpy().astype(np.float64)


def align(values: Tensor, kind: str, anchors: Anchors) -> Fit:
    """Fit the scale (and shift) that turn a prediction into what the anchors measured.

    Relative errors of depth count alike, near and far. Anchors that contradict the majority, such
    as those that the camera cannot see because something hides them, have no say.

    Args:
        values: (H, W) for the anchors' image.
        kind: what values and the fit's target are: "metric_depth" (target: depth; scale only),
            "affine_depth" (depth) or "affine_inverse_depth" (inverse depth, 1/m).
        anchors: see from_points.

    Raises:
        ScaleError: the kind is unknown, the scale is too uncertain, or what robust() refuses: too
            few anchors where values are finite, no spread, no positive scale.
    """
    if kind not in _HAS_SHIFT:
        raise ScaleError(f"kind is '{kind}', expected one of: {', '.join(_HAS_SHIFT)}")
    predicted = sample(values, anchors)
    target = 1 / anchors.depth_m if kind == _INVERSE else anchors.depth_m
    known = np.isfinite(predicted)
    # A relative error of depth and one of inverse depth are the same to first order.
    fit = robust(predicted[known], target[known], target[known] ** -2, _HAS_SHIFT[kind])
    if fit.deviation > MOST_DEVIATION:
        raise ScaleError(
            f"the anchors leave the scale uncertain by {fit.deviation:.0%}, "
            f"expected {MOST_DEVIATION:.0%} at most: do they differ in depth?"
        )
    return fit


def prompt(anchors: Anchors, height: int, width: int, camera: Camera) -> npt.NDArray[np.float32]:
    """Return anchors as the dense low-resolution depth that prompted networks take.

    Args:
        anchors: in the camera's image.
        height, width: of the prompt, which spans the whole image.
        camera: the image's.

    Returns:
        (height, width) depth in metres. Where several anchors share a cell the nearest to the
        camera wins, as it hides the others; a cell without any takes the nearest cell that has one.

    Raises:
        ScaleError: there is no anchor.
    """
    if not len(anchors.depth_m):
        raise ScaleError("no anchor lies in the image, expected some to make a depth prompt of")
    cells = (anchors.pixels + 0.5) * (width / camera.width, height / camera.height)
    u, v = np.minimum(cells.astype(np.int64), (width - 1, height - 1)).T
    grid = np.full((height, width), np.inf, np.float32)
    np.minimum.at(grid, (v, u), anchors.depth_m.astype(np.float32))
    empty = np.isinf(grid)
    _, labels = cv2.distanceTransformWithLabels(
        empty.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    depth_of_label = np.empty(labels.max() + 1, np.float32)
    depth_of_label[labels[~empty]] = grid[~empty]
    dense: npt.NDArray[np.float32] = depth_of_label[labels]
    return dense
