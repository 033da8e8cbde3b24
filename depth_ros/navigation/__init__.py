"""Navigation on depth: Nav2's local costmap in NumPy, a planner, a controller and a robot."""
