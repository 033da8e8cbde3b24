"""Depth for people to look at: previews, logs for Rerun, and both from an existing bag."""
