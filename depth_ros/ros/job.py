"""An image of one of the node's cameras, while it waits and while it is processed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from depth_ros.engine import FrameJob

if TYPE_CHECKING:
    from depth_ros.ros.camera import NodeCamera


_MOST_OLDER = 16


@dataclass(eq=False)
class QueuedImage:
    """An image message that waits for a worker.

    Damage inside a compressed image is found only when it is decoded. Until then the images that
    it replaced are kept, so that a damaged image does not cost a valid one.

    Attributes:
        camera: the source of the image.
        message: the image.
        time_s: arrival time, by the steady clock.
        counted: whether its result was counted.
        older: the image to use if this one cannot be decoded.
    """

    camera: NodeCamera
    message: Image | CompressedImage
    time_s: float
    counted: bool = False
    older: QueuedImage | None = None

    def replace(self, older: QueuedImage) -> QueuedImage | None:
        """Take the place of an older image; return the one that is discarded with its older ones.

        An image that is not compressed has been checked completely, so it needs no older one.
        """
        if not isinstance(self.message, CompressedImage):
            return older
        self.older = older
        *_, last = islice(self.all(), 1 + _MOST_OLDER)
        discarded, last.older = last.older, None
        return discarded

    def all(self) -> Iterator[QueuedImage]:
        """Yield this image and all of its older ones, the newest first."""
        image: QueuedImage | None = self
        while image is not None:
            yield image
            image = image.older

    def count(self, event: str) -> None:
        """Count its result, once."""
        if not self.counted:
            self.counted = True
            self.camera.health.count(event)

    def count_all(self, event: str) -> None:
        """Count the result of this image and of its older ones."""
        for image in self.all():
            image.count(event)


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
