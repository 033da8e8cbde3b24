"""The camera of each image of a recording: from the settings, or from its camera_info."""

from __future__ import annotations

from depth_ros import calibration
from depth_ros.bag.reader import Recording
from depth_ros.bag.window import Window
from depth_ros.calibration import Described
from depth_ros.config import Settings
from depth_ros.errors import CameraError

_AROUND_NS = 1_000_000_000


class Calibrations:
    """Finds the camera of each image while a recording is read.

    Args:
        recording: contains the camera_info.
        info: the camera_info topic; unused if the settings define the camera.
        settings: the pipeline's settings.
    """

    def __init__(self, recording: Recording, info: str, settings: Settings) -> None:
        self._info, self._settings = info, settings
        given = settings.gives_camera
        self._infos = None if given else Window(recording.records([info]), _AROUND_NS)

    def of(self, time_ns: int, stamp_ns: int, width: int, height: int) -> Described:
        """Return the camera of an image: the camera_info nearest to its stamp, around its bag time.

        Raises:
            CameraError: there is no camera_info, or it is unusable, see calibration.described().
        """
        if given := calibration.given(self._settings, width, height):
            return given
        info = self._infos.nearest(time_ns, stamp_ns) if self._infos else None
        if info is None:
            raise CameraError(f"there is no camera_info on {self._info}")
        return calibration.described(info.message, width, height, self._settings)
