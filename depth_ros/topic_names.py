"""Names of topics, as image_transport derives them from one another."""

from __future__ import annotations

# What its plugins call their topics, below the raw images'.
_TRANSPORTS = ("compressed", "compressedDepth", "ffmpeg", "foxglove")


def base(image: str) -> str:
    """Return the topic that image_transport derives one of another transport from."""
    parent, _, transport = image.rpartition("/")
    return parent if transport in _TRANSPORTS else image


def sibling(image: str) -> str:
    """Return the camera_info topic that belongs to an image topic by its name."""
    parent, slash, _ = base(image).rpartition("/")
    return f"{parent}{slash}camera_info"
