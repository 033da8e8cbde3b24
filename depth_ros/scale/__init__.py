"""Metric scale of depth: from the ground or from other sensors, and filters over time."""
