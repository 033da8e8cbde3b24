"""The camera of an image, from the camera_info messages received or from the settings."""

from __future__ import annotations

from dataclasses import asdict
from typing import NamedTuple

from sensor_msgs.msg import CameraInfo

from depth_ros import calibration, messages
from depth_ros.calibration import Described
from depth_ros.config import Settings
from depth_ros.errors import CameraError
from depth_ros.geometry.camera import Camera

_MAX_CAMERAS = 8


class KnownCamera(NamedTuple):
    """A camera, and the camera_info of its depth images."""

    camera: Camera
    depth_info: CameraInfo


class CameraInfos:
    """Keeps the newest camera_info of each frame_id and image size.

    The executor's thread adds messages; workers look up cameras.

    Args:
        settings: how camera_info is read, or what replaces it.
        topic: of the messages, for error messages.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings, self._topic = settings, topic
        self._cameras: dict[tuple[str, int, int], KnownCamera] = {}
        self._sizeless: CameraInfo | None = None

    def add(self, message: CameraInfo) -> None:
        """Keep a message.

        Raises:
            CameraError, MessageError: it does not describe a valid camera.
        """
        if not (message.width or message.height):
            self._sizeless = message  # until an image provides the size
            return
        known = self._read(message)
        key = (message.header.frame_id, known.camera.width, known.camera.height)
        # Newest last. The dictionary is replaced because a worker may be reading the old one.
        others = [item for item in self._cameras.items() if item[0] != key]
        self._cameras = dict([*others, (key, known)][-_MAX_CAMERAS:])

    def clear(self) -> None:
        """Delete all messages."""
        self._cameras = {}
        self._sizeless = None

    def of(self, frame_id: str, width: int, height: int) -> KnownCamera:
        """Return the camera of an image; frame_id decides if several cameras have its size.

        Raises:
            CameraError: no message describes images of this size.
        """
        cameras, settings = self._cameras, self._settings
        if given := calibration.given(settings, width, height):
            return _known(given)
        if (frame_id, width, height) in cameras:
            return cameras[frame_id, width, height]
        same_size = [known for key, known in cameras.items() if key[1:] == (width, height)]
        if same_size:
            return same_size[-1]
        if self._sizeless is not None:
            return self._read(self._sizeless, (width, height))
        if not cameras:
            raise CameraError(f"no usable camera_info was received on {self._topic} yet")
        if settings.camera_info_scale:
            newest = list(cameras.values())[-1]
            return _known(calibration.described(newest.depth_info, width, height, settings))
        sizes = ", ".join(f"{w}x{h}" for _, w, h in cameras)
        raise CameraError(f"image is {width}x{height}, {self._topic} describes {sizes}")

    def _read(self, message: CameraInfo, size: tuple[int, int] | None = None) -> KnownCamera:
        rectified = self._settings.image_rectified
        camera = messages.camera_from_info(message, rectified, size)
        fields = messages.depth_info(message, rectified, size)
        return KnownCamera(camera, CameraInfo(**asdict(fields)))


def _known(described: Described) -> KnownCamera:
    return KnownCamera(described.camera, CameraInfo(**asdict(described.info)))
