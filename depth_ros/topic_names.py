"""Topic names, by the conventions of image_transport."""

from __future__ import annotations

# Topics of its plugins, below the topic of raw images.
_TRANSPORTS = ("compressed", "compressedDepth", "ffmpeg", "foxglove")


def base(image: str) -> str:
    """Return the base topic of an image topic: without the name of its transport."""
    parent, _, transport = image.rpartition("/")
    return parent if transport in _TRANSPORTS else image


def sibling(image: str) -> str:
    """Return the camera_info topic that belongs to an image topic by its name."""
    parent, slash, _ = base(image).rpartition("/")
    return f"{parent}{slash}camera_info"
