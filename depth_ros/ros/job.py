"""An image of one of the node's cameras, while it waits and while it is processed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from depth_ros.engine import FrameJob

if TYPE_CHECKING:
    from depth_ros.ros.camera import NodeCamera


@dataclass(eq=False)
class QueuedImage:
    """An image message that waits for a worker.

    Attributes:
        camera: the source of the image.
        message: the image.
        time_s: arrival time, by the steady clock.
        counted: whether its result was counted.
    """

    camera: NodeCamera
    message: Image | CompressedImage
    time_s: float
    counted: bool = False

    def count(self, event: str) -> None:
        """Count its result, once."""
        if not self.counted:
            self.counted = True
            self.camera.health.count(event)


@dataclass(frozen=True, eq=False)
class NodeJob(FrameJob):
    """A frame to process, and what its output messages need.

    Attributes:
        image: the message it was decoded from.
        info: camera_info of the depth image.
    """

    image: QueuedImage
    info: CameraInfo

    @property
    def camera(self) -> NodeCamera:
        """The source of the frame."""
        return self.image.camera

    @property
    def header(self) -> Header:
        """The image's header, which all of its outputs share."""
        return self.image.message.header
