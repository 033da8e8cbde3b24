"""Types of the NumPy arrays that depth_ros passes around."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
"""Geometry: points, rays, matrices."""
DepthArray: TypeAlias = npt.NDArray[np.float32]
"""Maps (..., H, W): depth in metres, a network's values, confidence."""
ImageArray: TypeAlias = npt.NDArray[np.uint8]
"""Images (..., H, W, 3)."""
