"""Costs around obstacles that decrease with distance.

Source: nav2_costmap_2d 1.3.13, inflation_layer.cpp. Distances to the nearest lethal cell are exact,
as in later versions; the brushfire of version 1.3.13 may find the second nearest cell.
"""

from __future__ import annotations

import cv2
import numpy as np

from depth_ros.navigation.costmap_parameters import InflationParameters
from depth_ros.navigation.costs import (
    FREE_SPACE,
    INSCRIBED_INFLATED_OBSTACLE,
    LETHAL_OBSTACLE,
    NO_INFORMATION,
)
from depth_ros.navigation.obstacle_layer import Costs
from depth_ros.navigation.window import Window


class InflationLayer:
    """Raises the costs around every lethal cell of the costmap."""

    def __init__(
        self, parameters: InflationParameters, window: Window, inscribed_radius_m: float
    ) -> None:
        self._parameters = parameters
        self._cells = window.cells(parameters.inflation_radius)
        distances_m = np.sqrt(np.arange(self._cells**2 + 1)) * window.resolution
        beyond_m = distances_m - inscribed_radius_m
        falling = np.exp(-parameters.cost_scaling_factor * np.maximum(beyond_m, 0.0))
        costs = ((INSCRIBED_INFLATED_OBSTACLE - 1) * falling).astype(np.uint8)
        costs[beyond_m <= 0] = INSCRIBED_INFLATED_OBSTACLE
        costs[0] = LETHAL_OBSTACLE
        # Indexed by the squared distance in cells, which is an integer.
        self._costs = np.append(costs, np.uint8(FREE_SPACE))

    def update(self, master: Costs) -> None:
        """Inflate the costmap's costs (y, x) in place."""
        if not self._parameters.enabled or not self._cells:
            return
        sources = master == LETHAL_OBSTACLE
        if self._parameters.inflate_around_unknown:
            sources |= master == NO_INFORMATION
        if not sources.any():
            return
        distances = cv2.distanceTransform(
            (~sources).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
        )
        squares = np.minimum(np.rint(distances.astype(np.float64) ** 2), self._cells**2 + 1)
        costs = self._costs[squares.astype(np.int64)]
        unknown = master == NO_INFORMATION
        least = 1 if self._parameters.inflate_unknown else INSCRIBED_INFLATED_OBSTACLE
        np.copyto(master, costs, where=np.where(unknown, costs >= least, costs > master))
