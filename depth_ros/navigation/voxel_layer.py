"""A 3D obstacle layer of voxel columns: voxels above or below a ray are not cleared.

Source: nav2_costmap_2d 1.3.13, voxel_layer.cpp, and nav2_voxel_grid, voxel_grid.hpp.
"""

from __future__ import annotations

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.navigation.cloud import Cloud
from depth_ros.navigation.costmap_parameters import SourceParameters, VoxelParameters
from depth_ros.navigation.costs import FREE_SPACE, LETHAL_OBSTACLE, NO_INFORMATION
from depth_ros.navigation.obstacle_layer import ObstacleLayer
from depth_ros.navigation.raytrace import Bools, visited
from depth_ros.navigation.window import Window, roll

_BEFORE_POINT = 2  # cells between the end of a ray and its point, so that the point is not cleared
_BELOW_TOP_M = 0.01
_SHARE = 1e-5  # shortens a cut ray, so that its end is inside


class VoxelLayer(ObstacleLayer):
    """Keeps for every voxel (z, y, x) whether it is marked, and whether it is still unknown.

    A column with more than mark_threshold marked voxels is lethal. It becomes free or unknown again
    when a ray through it leaves no more than mark_threshold marked voxels.
    """

    def __init__(self, parameters: VoxelParameters, window: Window, unknown: bool) -> None:
        super().__init__(parameters, window, unknown)
        self._voxels = parameters
        grid = (parameters.z_voxels, *self._shape)
        self._marked = np.zeros(grid, np.bool_)
        self._unknown = np.ones(grid, np.bool_)

    def roll(self, moved: tuple[int, int]) -> None:
        """Follow the window after it moved by these cells in x and y; new cells are unknown."""
        super().roll(moved)
        self._marked = roll(self._marked, moved, False)
        self._unknown = roll(self._unknown, moved, True)

    def _mark(self, cloud: Cloud, source: SourceParameters) -> None:
        points = cloud.points_m.copy()
        range_m = np.linalg.norm(points - cloud.origin_m, axis=1)
        points[:, 2] = np.maximum(points[:, 2], self._voxels.origin_z)
        places = self._places(points)
        reached = (
            self._inside(places)
            & (range_m >= source.obstacle_min_range)
            & (range_m < source.obstacle_max_range)
        )
        x, y, z = places[reached].astype(np.int64).T
        self._marked[z, y, x], self._unknown[z, y, x] = True, False
        lethal = self._marked[:, y, x].sum(axis=0) > self._voxels.mark_threshold
        self.costs[y[lethal], x[lethal]] = LETHAL_OBSTACLE

    def _clear(self, cloud: Cloud, source: SourceParameters) -> None:
        start = self._places(cloud.origin_m)
        if not self._inside(start):
            return
        ends = self._places(self._ends(cloud))
        passed = visited(start, ends[self._inside(ends)], self._marked.shape, self._reach(source))
        self._marked &= ~passed
        self._unknown &= ~passed
        y, x = passed.any(axis=0).nonzero()
        few_marked = self._marked[:, y, x].sum(axis=0) <= self._voxels.mark_threshold
        few_unknown = self._unknown[:, y, x].sum(axis=0) <= self._voxels.unknown_threshold
        costs = np.where(few_unknown, FREE_SPACE, NO_INFORMATION)
        self.costs[y[few_marked], x[few_marked]] = costs[few_marked]

    def _ends(self, cloud: Cloud) -> FloatArray:
        """Return the ends (N, 3) of rays, which are before their points and inside the grid."""
        ray = cloud.points_m - cloud.origin_m
        length_m = np.linalg.norm(ray, axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            short = (length_m - _BEFORE_POINT * self._window.resolution) / length_m
        ray *= np.nan_to_num(np.clip(short, 0.0, 1.0))
        low = np.array([*self._window.origin_m, self._voxels.origin_z])
        height_m = (self._voxels.z_voxels - 0.5) * self._voxels.z_resolution
        high = low + np.array([*self._window.extent_m(), height_m])
        ends = cloud.origin_m + ray
        over, under = ends > high, ends < low
        edge = np.where(over, high - (0, 0, _BELOW_TOP_M), low)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(over | under, (edge - cloud.origin_m) / ray, 1.0)
        # If the sensor is between the grid's extent and its edge, no ray is traced upwards.
        shares[over[:, 2], 2] = np.maximum(shares[over[:, 2], 2], 0.0)
        share = shares.min(axis=1)
        share -= _SHARE * np.sign(share) * (over | under).any(axis=1)
        cut: FloatArray = cloud.origin_m + ray * share[:, None]
        return cut

    def _places(self, points_m: FloatArray) -> FloatArray:
        """Return the position (..., 3) in voxels, with fractions, of points (..., 3) in metres."""
        flat = self._window.map_from_world(points_m[..., :2])
        z = (points_m[..., 2:] - self._voxels.origin_z) / self._voxels.z_resolution
        return np.concatenate([flat, z], axis=-1)

    def _inside(self, places: FloatArray) -> Bools:
        z = places[..., 2]
        return self._window.contains(places[..., :2]) & (z >= 0) & (z < self._voxels.z_voxels)
