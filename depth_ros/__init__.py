"""depth_ros: metric depth and point clouds from any calibrated camera."""

__version__ = "0.1.0"
