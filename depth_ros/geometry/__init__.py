"""Cameras, depth and point clouds: pure functions and data classes, no ROS and no networks."""
