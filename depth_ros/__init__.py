"""depth_ros: metric depth and point clouds from any calibrated camera.

    estimator = depth_ros.load("zoedepth-lite")
    depth = estimator(rgb, depth_ros.Camera.from_fov(640, 480, fov_deg=60.0))
    depth.depth_m, depth.points().xyz, depth.colour()

The names in __all__ are the public API. Each name is imported on first use: the package itself
imports neither NumPy nor OpenCV nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from depth_ros.errors import DepthError
    from depth_ros.estimator import Depth, Estimator, Points, Stream, load
    from depth_ros.geometry.camera import Camera
    from depth_ros.scale.anchors import Anchors

__version__ = "0.2.0"

__all__ = [
    "Anchors",
    "Camera",
    "Depth",
    "DepthError",
    "Estimator",
    "Points",
    "Stream",
    "__version__",
    "load",
]

_MODULES = {
    "Anchors": "depth_ros.scale.anchors",
    "Camera": "depth_ros.geometry.camera",
    "Depth": "depth_ros.estimator",
    "DepthError": "depth_ros.errors",
    "Estimator": "depth_ros.estimator",
    "Points": "depth_ros.estimator",
    "Stream": "depth_ros.estimator",
    "load": "depth_ros.estimator",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'depth_ros' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
