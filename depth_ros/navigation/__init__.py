"""Navigation by depth: a local costmap with the rules of Nav2's."""
