"""Bags without a ROS installation, through rosbags."""
