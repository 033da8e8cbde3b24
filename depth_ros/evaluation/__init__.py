"""Numbers for how good a depth map is."""
