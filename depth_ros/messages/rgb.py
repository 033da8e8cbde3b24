"""Raw and compressed images as RGB."""

from __future__ import annotations

from typing import Any

from depth_ros.config import Settings
from depth_ros.messages.compressed import rgb_from_compressed
from depth_ros.messages.data import Bytes
from depth_ros.messages.images import rgb_from_image


def rgb_from(msg: Any, settings: Settings) -> Bytes:
    """Return a sensor_msgs/Image or CompressedImage as rgb uint8 (H, W, 3).

    Args:
        msg: the image.
        settings: channel order of untyped images, and maximum size.

    Raises:
        MessageError: it is damaged, or the settings do not allow it.
    """
    # Recognised by its fields: messages of rclpy and of rosbags share no class.
    if hasattr(msg, "encoding"):
        return rgb_from_image(msg, settings.untyped_order)
    return rgb_from_compressed(msg, settings.max_image_pixels)
