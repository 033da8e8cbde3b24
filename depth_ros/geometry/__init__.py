"""Cameras, depth and clouds: pure functions and values, no ROS and no networks."""
