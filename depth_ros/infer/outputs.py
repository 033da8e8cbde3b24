"""Write depth to files, atomically."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.arrays import ImageArray
from depth_ros.errors import SettingError
from depth_ros.estimator import Depth
from depth_ros.geometry.depth import to_millimetres
from depth_ros.infer import cloud_file
from depth_ros.infer.sources import Source
from depth_ros.output_paths import OutputFolder
from depth_ros.viz import atomic
from depth_ros.viz.video import Video

COMMAND = "depth_ros infer"


def _png(depth: Depth) -> bytes:
    """Return depth in whole millimetres, 16 bits; 0: no estimate, or 65.536 m and more."""
    return _encoded(to_millimetres(depth.depth_m))


def _npy(depth: Depth) -> bytes:
    """Return depth in metres, float32 (H, W); NaN: no estimate, +inf: beyond range."""
    file = io.BytesIO()
    np.save(file, depth.depth_m)
    return file.getvalue()


def _npz(depth: Depth) -> bytes:
    """Return depth_m as in _npy(), the camera's K (3, 3), and confidence (H, W) if available."""
    file, arrays = io.BytesIO(), {"depth_m": depth.depth_m, "K": depth.camera.matrix}
    if depth.confidence is not None:
        arrays["confidence"] = depth.confidence
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # its stub confuses arrays with its flag
    return file.getvalue()


FORMATS: dict[str, Callable[[Depth], bytes]] = {"png": _png, "npy": _npy, "npz": _npz}
"""Encoders of depth images, by suffix."""
DESCRIPTIONS = {
    "png": "16-bit PNG in mm; 0: no estimate, or 65.536 m and more",
    "npy": "float32 in m; NaN: no estimate, inf: beyond range",
    "npz": "depth_m, float32 in m; NaN: no estimate, inf: beyond range; K; confidence if any",
}
"""Descriptions of FORMATS."""
CLOUDS = {"ply": cloud_file.ply, "pcd": cloud_file.pcd}
"""Encoders of point clouds, by suffix."""


@dataclass(frozen=True)
class OutputFiles:
    """Writes depth, its colours, and clouds into a folder.

    A picture NAME gives NAME_depth.png, NAME_colour.png and NAME_cloud.ply. For a video, depth and
    clouds are folders with a file per frame, and the colours are a video.

    Attributes:
        folder: the output folder.
        format: of depth files.
        cloud: format of clouds; None: no clouds.
    """

    folder: Path
    format: str = "png"
    cloud: str | None = None

    def claim(self, sources: list[Source]) -> OutputFolder:
        """Return the folder, with the names of all files that will be written for sources.

        Files of earlier runs for other sources are kept.

        Raises:
            SettingError: a source is in the folder, where it could be overwritten.
        """
        folder = _real(self.folder)
        for source in sources:
            if source.kind != "webcam" and folder in _real(source.path).parents:
                raise SettingError(
                    f"{source.path} is in the output folder {self.folder}, expected another --out"
                )
        names = [name for source in sources for name in self._names(source)]
        return OutputFolder(self.folder, COMMAND, tuple(names), keep=True)

    def film(self, source: Source) -> Video:
        """Return the writer of a video's depth in colour.

        Raises:
            SettingError: no installed library can write one.
        """
        return Video(self.folder / f"{source.name}_colour.mp4")

    def picture(self, source: Source, depth: Depth, colour: ImageArray) -> None:
        """Write the files of a picture.

        Raises:
            OSError: it cannot be written.
        """
        self._write(self.folder / f"{source.name}_depth.{self.format}", self._depth(depth))
        self._write(self.folder / f"{source.name}_colour.png", _encoded(colour[..., ::-1]))
        if self.cloud:
            path = self.folder / f"{source.name}_cloud.{self.cloud}"
            self._write(path, CLOUDS[self.cloud](depth.points()))

    def frame(self, source: Source, index: int, depth: Depth) -> None:
        """Write the files of a video's frame, without the video in colour.

        Raises:
            OSError: it cannot be written.
        """
        folder = self.folder / f"{source.name}_depth"
        self._write(folder / f"{index:06d}.{self.format}", self._depth(depth))
        if self.cloud:
            path = self.folder / f"{source.name}_cloud" / f"{index:06d}.{self.cloud}"
            self._write(path, CLOUDS[self.cloud](depth.points()))

    def _names(self, source: Source) -> list[str]:
        if source.kind == "picture":
            names = [f"{source.name}_depth.{self.format}", f"{source.name}_colour.png"]
            return [*names, f"{source.name}_cloud.{self.cloud}"] if self.cloud else names
        names = [f"{source.name}_depth", f"{source.name}_colour.mp4"]
        return [*names, f"{source.name}_cloud"] if self.cloud else names

    def _depth(self, depth: Depth) -> bytes:
        return FORMATS[self.format](depth)

    def _write(self, path: Path, content: bytes) -> None:
        part = atomic.unfinished(path)
        try:
            part.write_bytes(content)
            atomic.finish(path)
        finally:
            part.unlink(missing_ok=True)


def _encoded(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    """Return pixels, grey or bgr, as a PNG file."""
    done, data = cv2.imencode(".png", np.ascontiguousarray(pixels))
    if not done:
        raise SettingError(f"an image of {pixels.shape} cannot be written as PNG")
    return data.tobytes()


def _real(path: Path) -> Path:
    """Return a path without links; Path.resolve() raises on a loop of links."""
    return Path(os.path.realpath(path))
