"""What describes the images of a topic of a recording: the settings, or its camera_info."""

from __future__ import annotations

from depth_ros import calibration
from depth_ros.bag.reader import Recording
from depth_ros.bag.window import Window
from depth_ros.calibration import Described
from depth_ros.config import Settings
from depth_ros.errors import CameraError

_AROUND_NS = 1_000_000_000


class Calibrations:
    """Finds the camera of each image, while a recording passes by.

    Args:
        recording: with the camera_info.
        info: its topic; unused where the settings give the camera.
        settings: of the pipeline.
    """

    def __init__(self, recording: Recording, info: str, settings: Settings) -> None:
        self._info, self._settings = info, settings
        given = settings.gives_camera
        self._infos = None if given else Window(recording.records([info]), _AROUND_NS)

    def of(self, time_ns: int, stamp_ns: int, width: int, height: int) -> Described:
        """Return the camera of an image: the camera_info around its bag time, nearest to its stamp.

        Raises:
            CameraError: there is none, or it cannot be used, see calibration.described().
        """
        if given := calibration.given(self._settings, width, height):
            return given
        info = self._infos.nearest(time_ns, stamp_ns) if self._infos else None
        if info is None:
            raise CameraError(f"there is no camera_info on {self._info}")
        return calibration.described(info.message, width, height, self._settings)
