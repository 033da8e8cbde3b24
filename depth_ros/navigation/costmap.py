"""A local costmap in NumPy with the rules of Nav2's: what a robot would make of a cloud."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_ros.navigation import footprint
from depth_ros.navigation.costmap_parameters import (
    CostmapParameters,
    InflationParameters,
    LayerParameters,
    VoxelParameters,
)
from depth_ros.navigation.costs import FREE_SPACE, NO_INFORMATION
from depth_ros.navigation.footprint import RobotPose
from depth_ros.navigation.inflation_layer import InflationLayer
from depth_ros.navigation.obstacle_layer import Cloud, ObstacleLayer
from depth_ros.navigation.voxel_layer import VoxelLayer
from depth_ros.navigation.window import Floats, Window


class Costmap:
    """Nav2's local costmap (nav2_costmap_2d 1.3): a window of cells, and layers that fill it.

    Every observation source of its layers is given the same cloud. A source keeps only the last one
    (observation_persistence 0); every update computes all cells, where Nav2 limits itself to those
    that may have changed.

    Attributes:
        parameters: what it was made with.
        window: where its cells are; x is the second axis of costs.
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
        self._layers = [self._layer(each) for each in parameters.layers]
        unknown = parameters.track_unknown_space
        self._default = np.uint8(NO_INFORMATION if unknown else FREE_SPACE)
        self.costs = np.full(self.window.size[::-1], self._default)

    @classmethod
    def read(cls, path: Path | None = None) -> Costmap:
        """Make one by a Nav2 parameter file; without a path by the one that the package ships.

        Raises:
            SettingError: see CostmapParameters.read().
        """
        return cls(CostmapParameters.read(path))

    @property
    def inscribed_radius_m(self) -> float:
        """Distance from the robot's centre to the nearest side of its padded footprint."""
        return footprint.inscribed_radius(self._footprint)

    def update(self, points_m: Floats, origin_m: Floats, robot: RobotPose) -> None:
        """Take in one cloud.

        Args:
            points_m: (N, 3) in the global frame, z up from the floor; NaN is no point.
            origin_m: (3,) where the camera was.
            robot: x, y [m] and yaw [rad] of the robot in the global frame.
        """
        if self.parameters.rolling_window:
            moved = self.window.roll_to(np.array(robot[:2]))
            for layer in self._layers:
                if isinstance(layer, ObstacleLayer):
                    layer.roll(moved)
        # What a PointCloud2 holds are float32.
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

    def cost_at(self, x_m: float, y_m: float) -> int:
        """Return the cost at a place of the global frame; unknown outside of the window."""
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
