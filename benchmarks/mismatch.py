"""The error of a failed check before anything is timed."""

from __future__ import annotations

from depth_ros.errors import DepthError


class MismatchError(DepthError):
    """The results of two ways differ."""
