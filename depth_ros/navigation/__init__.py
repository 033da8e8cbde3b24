"""Navigation by depth: Nav2's local costmap in NumPy, a planner, a controller, a robot."""
