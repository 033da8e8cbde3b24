"""What is raised where a check fails before anything is timed."""

from __future__ import annotations

from depth_ros.errors import DepthError


class MismatchError(DepthError):
    """Two ways that are to be compared do not do the same."""
