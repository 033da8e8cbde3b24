"""Sparse metric depth from other sensors, projected into the camera, and the scale from it.

Lidars, depth cameras and map points all become anchors: pixels with known depth. Points are
(N, 3) in metres; poses are 4x4 and transform points of a child frame to the parent (REP 103).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros.arrays import DepthArray, FloatArray
from depth_ros.errors import ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.scale.fit import Fit, robust

OPTICAL_FROM_BODY: FloatArray = np.array(
    [[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]],
)
"""Transforms points with x ahead, y left, z up to the optical frame: x right, y down, z ahead."""

MOST = 2000
"""Maximum number of anchors of an image: more make a fit slower, not better."""

_OVERSAMPLING = 8  # candidates per chosen point, for an even choice
_DEPTHS = 8  # number of bins of log depth
_DEPTH_SHARES = (2, 98)  # percentiles of depth that these bins span
MOST_DEVIATION = 0.15
"""Maximum relative error of the scale: a flat wall ahead determines a shift but no scale."""
_HAS_SHIFT = {"metric_depth": False, "affine_depth": True, "affine_inverse_depth": True}


@dataclass(frozen=True)
class Anchors:
    """Pixels whose depth was measured by another sensor.

    Attributes:
        pixels: (N, 2) u and v, inside the camera's image.
        depth_m: (N,) z-depth, positive and finite.
    """

    pixels: FloatArray
    depth_m: FloatArray

    def thinned(self, most: int) -> Anchors:
        """Return at most the given number of them, evenly over the image and over depth."""
        chosen = evenly(self.pixels, self.depth_m, most)
        return Anchors(self.pixels[chosen], self.depth_m[chosen])


def evenly(pixels: FloatArray, depth_m: FloatArray, most: int) -> npt.NDArray[np.int64]:
    """Return indices of at most the given number of N pixels, evenly over the image and over depth.

    Pixels are drawn in turn from cells of the image and bins of log depth, so that dense surfaces,
    such as a near wall, do not outvote sparse ones.

    Args:
        pixels: (N, 2) u and v.
        depth_m: (N,) positive and finite.
        most: maximum number.

    Raises:
        ScaleError: most is not positive.
    """
    if most < 1:
        raise ScaleError(f"the maximum number of points is {most}, expected 1 or more")
    if len(depth_m) <= most:
        return np.arange(len(depth_m))
    low = pixels.min(axis=0)
    extent = np.maximum(np.ptp(pixels, axis=0), 1)
    cell_px = math.sqrt(float(np.prod(extent)) * _DEPTHS / most)
    u, v = ((pixels - low) / cell_px).astype(np.int64).T
    depth = np.log(depth_m)
    near, far = np.percentile(depth, _DEPTH_SHARES)
    layer = ((depth - near) / max(far - near, 1e-9) * _DEPTHS).clip(0, _DEPTHS - 1)
    group = (v * (u.max() + 1) + u) * _DEPTHS + layer.astype(np.int64)
    # Shuffled: otherwise pixels at the top of the image would come first.
    mixed = np.random.default_rng(0).permutation(len(group))
    by_group = mixed[np.argsort(group[mixed], kind="stable")]
    _, first, counts = np.unique(group[by_group], return_index=True, return_counts=True)
    turn = np.empty(len(group), np.int64)
    turn[by_group] = np.arange(len(group)) - np.repeat(first, counts)
    return np.sort(mixed[np.argsort(turn[mixed], kind="stable")[:most]])


def from_points(points: npt.ArrayLike, camera: Camera, most: int | None = None) -> Anchors:
    """Return the points (N, 3) of the camera's optical frame that lie in its image, as anchors.

    Points that are not finite, behind the camera or outside the image are left out. Occluded points
    remain: single points do not show occlusion.

    Args:
        points: in metres.
        camera: the image's camera.
        most: maximum number of anchors, evenly over the image and over depth; None: all.
    """
    xyz = np.asarray(points, np.float64).reshape(-1, 3)
    xyz = xyz[_ahead(xyz, camera)]
    if most is not None:
        xyz = xyz[_some(len(xyz), most)]
    pixels = camera.project(xyz)
    size = (camera.width, camera.height)
    inside = ((pixels >= -0.5) & (pixels < np.subtract(size, 0.5))).all(axis=1)
    anchors = Anchors(pixels[inside], xyz[inside, 2])
    return anchors if most is None else anchors.thinned(most)


def _ahead(xyz: FloatArray, camera: Camera) -> npt.NDArray[np.bool_]:
    """Return which points (N, 3) may lie in the image: a cheap test with its outermost rays."""
    valid: npt.NDArray[np.bool_] = np.isfinite(xyz).all(axis=1) & (xyz[:, 2] > 0)
    low, high = _outermost_rays(camera)
    z = xyz[:, 2:]
    with np.errstate(invalid="ignore"):  # NaN, and 0 times infinity: both invalid
        inside = (xyz[:, :2] >= z * low) & (xyz[:, :2] <= z * high)
    return np.asarray(valid & inside.all(axis=1))


@lru_cache(maxsize=8)
def _outermost_rays(camera: Camera) -> tuple[FloatArray, FloatArray]:
    """Return the minimum and maximum of x/z and y/z (2,) of an image, enlarged by one pixel."""
    rays = camera.rays().astype(np.float64)
    if not np.isfinite(rays).all():  # a fisheye's corners
        return np.full(2, -np.inf), np.full(2, np.inf)
    low, high = rays.min(axis=(0, 1)), rays.max(axis=(0, 1))
    pixel = (high - low) / np.maximum((camera.width - 1, camera.height - 1), 1)
    return low - pixel, high + pixel


def _some(count: int, most: int) -> slice:
    """Return a slice of the given number of points that leaves enough candidates."""
    # An odd step: a power of two would always pick the same rings of a lidar.
    return slice(None, None, count // (_OVERSAMPLING * most) | 1)


def points_from_scan(
    ranges: npt.ArrayLike,
    angle_min: float,
    angle_increment: float,
    range_min: float,
    range_max: float,
) -> FloatArray:
    """Return the points (N, 3) of a sensor_msgs/LaserScan in the scan's frame: x ahead, y left.

    Angles are in radians, ranges in metres. NaN, infinities (REP 117) and ranges out of bounds are
    left out.
    """
    range_m = np.asarray(ranges, np.float64)
    angle = angle_min + angle_increment * np.arange(len(range_m))
    valid = np.isfinite(range_m) & (range_m >= range_min) & (range_m <= range_max)
    r, a = range_m[valid], angle[valid]
    return np.stack([r * np.cos(a), r * np.sin(a), np.zeros_like(r)], axis=1)


def from_depth(depth_m: npt.ArrayLike, camera: Camera, most: int = MOST) -> FloatArray:
    """Return points (N, 3) of a depth image in its own camera's optical frame.

    Args:
        depth_m: (h, w) z-depth; NaN, infinity, 0 and negative values mean no point.
        camera: the depth image's own camera.
        most: maximum N; pixels are then chosen evenly over the image and over depth.

    Raises:
        ScaleError: image and camera differ in size, or most is not positive.
    """
    depth = np.asarray(depth_m)
    if depth.shape != (camera.height, camera.width):
        raise ScaleError(
            f"depth image is {depth.shape}, expected {(camera.height, camera.width)} of its camera"
        )
    valid = np.flatnonzero(np.isfinite(depth) & (depth > 0))
    valid = valid[_some(len(valid), max(most, 1))]
    rays = camera.rays().reshape(-1, 2)
    valid = valid[np.isfinite(rays[valid]).all(axis=1)]
    z = depth.ravel()[valid].astype(np.float64)
    v, u = np.divmod(valid, camera.width)
    chosen = evenly(np.column_stack([u, v]), z, most)
    z, rays = z[chosen], rays[valid[chosen]]
    return np.concatenate([rays * z[:, None], z[:, None]], axis=1)


def transform(points: npt.ArrayLike, pose: npt.ArrayLike) -> FloatArray:
    """Transform points (N, 3) from the child's frame to the parent's by a 4x4 pose."""
    matrix = np.asarray(pose, np.float64)
    moved: FloatArray = np.asarray(points, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def pose_matrix(x: float, y: float, z: float, roll: float, pitch: float, yaw: float) -> FloatArray:
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


def sample(values: Tensor, anchors: Anchors) -> FloatArray:
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
    # Gathered on the device: only N numbers are copied to the CPU, not an image.
    index = torch.from_numpy(v * width + u).to(values.device)
    return values.flatten()[index].float().cpu().numpy().astype(np.float64)


def target_of(depth_m: FloatArray, kind: str) -> FloatArray:
    """Return what values of a kind are fitted to: depth or inverse depth."""
    return 1 / depth_m if kind == "affine_inverse_depth" else depth_m


def align(values: Tensor, kind: str, anchors: Anchors) -> Fit:
    """Fit the scale (and shift) from a prediction to the anchors' depth.

    Relative errors of depth count the same, near and far. Anchors that contradict the majority,
    such as occluded ones, are rejected.

    Args:
        values: (H, W) prediction for the anchors' image.
        kind: of values and of the fit's target: "metric_depth" (target: depth; scale only),
            "affine_depth" (depth) or "affine_inverse_depth" (inverse depth, 1/m).
        anchors: see from_points.

    Raises:
        ScaleError: the kind is unknown, the scale is too uncertain, or robust() fails: too few
            anchors at finite values, no spread, no positive scale.
    """
    if kind not in _HAS_SHIFT:
        raise ScaleError(f"kind is '{kind}', expected one of: {', '.join(_HAS_SHIFT)}")
    predicted = sample(values, anchors)
    target = target_of(anchors.depth_m, kind)
    known = np.isfinite(predicted)
    # To first order, relative errors of depth and of inverse depth are equal.
    fit = robust(predicted[known], target[known], target[known] ** -2, _HAS_SHIFT[kind])
    if fit.deviation > MOST_DEVIATION:
        raise ScaleError(
            f"the anchors leave the scale uncertain by {fit.deviation:.0%}, "
            f"expected {MOST_DEVIATION:.0%} at most: do they differ in depth?"
        )
    return fit


def prompt(anchors: Anchors, height: int, width: int, camera: Camera) -> DepthArray:
    """Return anchors as a dense depth prompt of low resolution, the input of prompted networks.

    Args:
        anchors: in the camera's image.
        height, width: of the prompt, which spans the whole image.
        camera: the image's camera.

    Returns:
        (height, width) depth in metres. Of several anchors in a cell, the nearest to the camera is
        used, because it hides the others; a cell without anchors is filled from the nearest other.

    Raises:
        ScaleError: there is no anchor.
    """
    if not len(anchors.depth_m):
        raise ScaleError("no anchor lies in the image, expected some for the depth prompt")
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
    dense: DepthArray = depth_of_label[labels]
    return dense
