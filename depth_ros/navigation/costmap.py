"""A local costmap in NumPy that follows the rules of Nav2's local costmap."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.navigation import footprint
from depth_ros.navigation.cloud import Cloud
from depth_ros.navigation.costmap_parameters import (
    CostmapParameters,
    InflationParameters,
    LayerParameters,
    VoxelParameters,
)
from depth_ros.navigation.costs import FREE_SPACE, NO_INFORMATION
from depth_ros.navigation.footprint import RobotPose
from depth_ros.navigation.inflation_layer import InflationLayer
from depth_ros.navigation.obstacle_layer import ObstacleLayer
from depth_ros.navigation.voxel_layer import VoxelLayer
from depth_ros.navigation.window import Window


class Costmap:
    """Nav2's local costmap (nav2_costmap_2d 1.3): a window of cells, and layers that fill it.

    All observation sources of its layers receive the same cloud. A source keeps only the last cloud
    (observation_persistence 0). Every update computes all cells; Nav2 computes only the cells that
    may have changed.

    Attributes:
        parameters: the parameters of the costmap.
        window: the position of the cells; x is the second axis of costs.
        costs: (y, x) uint8, 0 free, 253 within the inscribed radius of an obstacle, 254 an
            obstacle, 255 unknown (see depth_ros.navigation.costs).
    """

    def __init__(self, parameters: CostmapParameters) -> None:
        self.parameters = parameters
        size = np.array([parameters.width, parameters.height]) / parameters.resolution
        self.window = Window(
            size.astype(np.int64),
            parameters.resolution,
            np.array([parameters.origin_x, parameters.origin_y]),
        )
        self._footprint = footprint.outline(parameters)
        unknown = parameters.track_unknown_space
        self._default = np.uint8(NO_INFORMATION if unknown else FREE_SPACE)
        self.clear()

    @classmethod
    def read(cls, path: Path | None = None) -> Costmap:
        """Create a costmap from a Nav2 parameter file; without a path, from the shipped file.

        Raises:
            SettingError: see CostmapParameters.read().
        """
        return cls(CostmapParameters.read(path))

    @property
    def inscribed_radius_m(self) -> float:
        """Distance from the robot's centre to the nearest side of its padded footprint."""
        return footprint.inscribed_radius(self._footprint)

    def update(self, points_m: FloatArray, origin_m: FloatArray, robot: RobotPose) -> None:
        """Update the costmap with one cloud.

        Args:
            points_m: (N, 3) in the global frame, z up from the floor; NaN: no point.
            origin_m: (3,) position of the camera.
            robot: x, y [m] and yaw [rad] of the robot in the global frame.
        """
        if self.parameters.rolling_window:
            moved = self.window.roll_to(np.array(robot[:2]))
            for layer in self._layers:
                if isinstance(layer, ObstacleLayer):
                    layer.roll(moved)
        # A PointCloud2 contains float32.
        points = np.asarray(points_m, np.float32).astype(np.float64).reshape(-1, 3)
        points = points[np.isfinite(points).all(axis=1)]
        cloud = Cloud(points, np.asarray(origin_m, np.float64))
        standing = footprint.covered(self._footprint, robot, self.window)
        self.costs = np.full(self.window.size[::-1], self._default)
        for layer in self._layers:
            if isinstance(layer, InflationLayer):
                layer.update(self.costs)
            else:
                layer.observe(cloud)
                layer.update(self.costs, standing)

    def clear(self) -> None:
        """Remove all obstacles, as Nav2's service clear_entirely_local_costmap does."""
        self._layers = [self._layer(each) for each in self.parameters.layers]
        self.costs = np.full(self.window.size[::-1], self._default)

    def cost_at(self, x_m: float, y_m: float) -> int:
        """Return the cost at a position in the global frame; unknown outside the window."""
        place = self.window.map_from_world(np.array([x_m, y_m]))
        if not self.window.contains(place):
            return NO_INFORMATION
        x, y = place.astype(int)
        return int(self.costs[y, x])

    def _layer(self, parameters: LayerParameters) -> ObstacleLayer | InflationLayer:
        if isinstance(parameters, InflationParameters):
            return InflationLayer(parameters, self.window, self.inscribed_radius_m)
        kind = VoxelLayer if isinstance(parameters, VoxelParameters) else ObstacleLayer
        return kind(parameters, self.window, self.parameters.track_unknown_space)  # type: ignore[arg-type]
