"""The mean of one quantity over bins of another, collected from pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray


class Curve:
    """Mean y in each bin of x.

    Attributes:
        edges: (K + 1,) ascending; pixels outside are ignored.
        counts: (K,) number of pixels per bin.
    """

    def __init__(self, edges: npt.ArrayLike) -> None:
        self.edges = np.asarray(edges, np.float64)
        self.counts = np.zeros(len(self.edges) - 1)
        self._sums = np.zeros(len(self.edges) - 1)

    def add(self, x: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> None:
        """Add pixels: x and y (N,), finite."""
        ranges = np.searchsorted(self.edges, x, side="right") - 1
        ranges[x == self.edges[-1]] -= 1  # the last bin includes both ends
        inside = (ranges >= 0) & (ranges < len(self.counts))
        self.counts += np.bincount(ranges[inside], minlength=len(self.counts))
        self._sums += np.bincount(ranges[inside], y[inside], minlength=len(self.counts))

    def points(self, least: int = 1) -> tuple[FloatArray, FloatArray]:
        """Return the centres and means of the bins with at least the given count of pixels."""
        enough = self.counts >= least
        middles = (self.edges[:-1] + self.edges[1:]) / 2
        return middles[enough], self._sums[enough] / self.counts[enough]
