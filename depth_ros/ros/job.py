"""An image of one of the node's cameras, as it waits, and as it is answered."""

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
        camera: whose image it is.
        message: the image.
        time_s: when it came, by the steady clock.
        counted: whether it was counted what became of it.
    """

    camera: NodeCamera
    message: Image | CompressedImage
    time_s: float
    counted: bool = False

    def count(self, event: str) -> None:
        """Count what became of it, once."""
        if not self.counted:
            self.counted = True
            self.camera.health.count(event)


@dataclass(frozen=True, eq=False)
class NodeJob(FrameJob):
    """A frame that is to be answered, and what its messages need.

    Attributes:
        image: the message it was decoded from.
        info: camera_info of the depth image.
    """

    image: QueuedImage
    info: CameraInfo

    @property
    def camera(self) -> NodeCamera:
        """The camera whose frame it is."""
        return self.image.camera

    @property
    def header(self) -> Header:
        """The image's header, which all of its outputs have."""
        return self.image.message.header
