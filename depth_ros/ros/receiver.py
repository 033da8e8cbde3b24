"""Receives the messages of a camera, in the executor's thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_ros import messages
from depth_ros.config import Settings
from depth_ros.errors import CameraError, DepthError, MessageError
from depth_ros.ros.camera_infos import CameraInfos
from depth_ros.ros.camera_log import CameraLog
from depth_ros.ros.inputs import Inputs
from depth_ros.ros.job import QueuedImage

if TYPE_CHECKING:
    from depth_ros.ros.camera import NodeCamera

# After this silence the ROS graph is queried for what is published now.
_TEND_AFTER_S = 0.5


class Receiver:
    """Counts and checks a camera's messages, queues its images, and handles silence.

    Args:
        camera: the source of the images.
        node: the node that owns the topics.
        prefix: of the topic names.
        settings: the initial ones; fixed settings do not change.
        log: reports invalid messages.
        deliver: queues an image for the workers; returns the image that is discarded for it.

    Attributes:
        inputs: the subscriptions.
        infos: the camera_info received.
    """

    def __init__(
        self,
        camera: NodeCamera,
        node: Node,
        prefix: str,
        settings: Settings,
        log: CameraLog,
        deliver: Callable[[QueuedImage], QueuedImage | None],
    ) -> None:
        self._camera, self._health, self._settings = camera, camera.health, settings
        self._node, self._log, self._deliver = node, log, deliver
        self.inputs = Inputs(
            node,
            prefix,
            settings.image_transport,
            self._on_image,
            self._on_info,
            partial(self._health.count, "lost"),
            settings.max_image_pixels,
        )
        self.infos = CameraInfos(settings, self.inputs.info)
        self._silent: set[str] = set()

    def start(self) -> None:
        """Subscribe."""
        self._silent.clear()
        self.inputs.start()

    @property
    def awaited(self) -> list[str]:
        """The events that are expected periodically."""
        return ["image"] if self.inputs.latched else ["image", "camera_info"]

    def tend(self) -> None:
        """Handle inputs that stay silent; the executor calls this periodically."""
        silent = {event for event in self.awaited if self._health.silent_s(event) > _TEND_AFTER_S}
        if silent:
            self.inputs.tend()
        stale = {e for e in silent if self._health.silent_s(e) > self._settings.stale_after_s}
        for event in sorted(stale - self._silent):
            self._node.get_logger().warning(f"no {event}: {self.inputs.why_silent(event)}")
        self._silent = stale

    def _on_image(self, message: Image | CompressedImage) -> None:
        self._health.count("image")
        if self._settings.gives_camera:
            self._health.count("camera_info")  # none is needed
        image = QueuedImage(self._camera, message, time.monotonic())
        try:
            self._check(message)  # before it can replace a valid image
        except (MessageError, CameraError) as error:
            self._camera.drop(image, error)
            return
        lost = self._deliver(image)
        if lost is not None:
            lost.count_all("dropped" if lost is image else "replaced")

    def _check(self, message: Image | CompressedImage) -> None:
        """Raise an error for an invalid image, as far as this is known without decoding it."""
        messages.check_stamp(message.header)
        if isinstance(message, CompressedImage):
            width, height = messages.check_compressed(message, self._settings.max_image_pixels)
        else:
            messages.check_image(message, self._settings.untyped_order)
            width, height = message.width, message.height
        # An image of an unknown camera must not allocate memory of the size that it claims.
        self.infos.of(message.header.frame_id, width, height)

    def _on_info(self, message: CameraInfo) -> None:
        self._health.count("camera_info")
        try:
            self.infos.add(message)
        except DepthError as error:
            self._log.warn(self.inputs.info, error)
