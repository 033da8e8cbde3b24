"""Read and write bags without a ROS installation."""
