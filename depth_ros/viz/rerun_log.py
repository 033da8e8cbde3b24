"""A recording for the Rerun viewer (.rrd)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.errors import BagError, SettingError, one_line
from depth_ros.geometry.camera import Camera
from depth_ros.viz import atomic
from depth_ros.viz.panel import grey
from depth_ros.viz.points import points

TIMELINE = "stamp"
_COLUMNS = 160
_JPEG_QUALITY = 90


class RerunLog:
    """Writes frames of one or several cameras: image, depth, camera and points, by stamp.

    Each camera is an entity with its name, with `image`, `depth` and `points` below it, in its
    optical frame. The viewer's own cloud of `depth` assumes a pinhole camera; `points` are correct
    for every lens. The file appears, complete, when the log is closed.

    Args:
        path: the file, in .rrd.

    Raises:
        SettingError: another suffix, or rerun-sdk is not installed.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix != ".rrd":
            raise SettingError(f"Rerun's file is '{path}', expected a name in .rrd")
        try:
            import rerun
        except ImportError as error:
            raise SettingError(
                f"{path} needs rerun-sdk, expected: pip install rerun-sdk"
            ) from error
        self._rerun, self._path = rerun, path
        self._stream = rerun.RecordingStream("depth_ros")
        self._stream.set_log_time_enabled(False)  # the time of logging is irrelevant
        try:
            self._stream.save(atomic.unfinished(path))
        except RuntimeError as error:  # rerun's type for errors of the system
            raise BagError(f"{path} cannot be written: {one_line(error)}") from error
        self._cameras: dict[str, Camera] = {}

    def add(
        self,
        name: str,
        stamp_ns: int,
        rgb: ImageArray,
        depth_m: DepthArray,
        camera: Camera,
        confidence: DepthArray | None = None,
    ) -> None:
        """Add a frame, see Preview.add."""
        rr, entity = self._rerun, "/" + name.strip("/")
        self._stream.set_time(TIMELINE, timestamp=np.datetime64(stamp_ns, "ns"))
        if self._cameras.get(name) != camera:
            self._cameras[name] = camera
            self._stream.log(entity, self._pinhole(camera))
        jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
        image = rr.EncodedImage(contents=jpeg.tobytes(), media_type="image/jpeg")
        self._stream.log(f"{entity}/image", image)
        self._stream.log(f"{entity}/depth", rr.DepthImage(depth_m, meter=1.0))
        if confidence is not None:
            self._stream.log(f"{entity}/confidence", rr.Image(grey(confidence)))
        cloud = points(rgb, depth_m, camera, across=_COLUMNS)
        self._stream.log(f"{entity}/points", rr.Points3D(cloud.xyz, colors=cloud.rgb))

    def close(self) -> None:
        """Finish the file; without frames no file is written, and an older one is kept."""
        self._stream.flush()
        self._stream.disconnect()
        if self._cameras:
            atomic.finish(self._path)
        else:
            atomic.unfinished(self._path).unlink(missing_ok=True)

    def _pinhole(self, camera: Camera) -> Any:
        rr = self._rerun
        return rr.Pinhole(
            focal_length=(camera.fx, camera.fy),
            # In Rerun, pixel centres are at half-integers.
            principal_point=(camera.cx + 0.5, camera.cy + 0.5),
            resolution=(camera.width, camera.height),
            camera_xyz=rr.ViewCoordinates.RDF,
        )
