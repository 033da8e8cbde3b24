"""Preview of depth during a conversion: video, animation or contact sheet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.errors import SettingError
from depth_ros.evaluation.picture import HEIGHT
from depth_ros.geometry.camera import Camera
from depth_ros.viz.animation import Animation
from depth_ros.viz.panel import Panel, Range, label
from depth_ros.viz.sheet import Sheet
from depth_ros.viz.video import Video


class Pictures(Protocol):
    """Writes pictures, in the order of their stamps, to a file."""

    def add(self, stamp_ns: int, picture: ImageArray) -> None:
        """Add the next picture (H, W, 3)."""

    def close(self) -> None:
        """Finish the file."""


_KINDS: dict[str, Callable[[Path], Pictures]] = {".mp4": Video, ".gif": Animation, ".png": Sheet}


class Preview:
    """Draws frames of one or several cameras: image | depth in colour | cloud from above.

    Confidence, if available, is the last column: black is 0, white is 1.

    Cameras are drawn below each other. A picture is finished when one of them has a new frame; the
    others keep their last frame. Memory is bounded for any number of frames. The file appears,
    complete, when the preview is closed; an older file of that name is kept until then.

    Args:
        path: .mp4 is a video, .gif an animation and .png a sheet with an even selection of frames.
        shown: the range of colours for all frames, so that colours of several previews can be
            compared. None: a round range for each camera's first frame.

    Raises:
        SettingError: another suffix, or a .gif without Pillow.
    """

    def __init__(self, path: Path, shown: Range | None = Range()) -> None:  # noqa: B008
        if path.suffix not in _KINDS:
            raise SettingError(f"preview is '{path}', expected a name in {', '.join(_KINDS)}")
        self._pictures = _KINDS[path.suffix](path)
        self._shown = shown
        self._panels: dict[str, Panel] = {}
        self._drawn: dict[str, ImageArray] = {}
        self._round: dict[str, int] = {}  # stamps of cameras drawn since the last picture
        self._start_ns: int | None = None

    def add(
        self,
        name: str,
        stamp_ns: int,
        rgb: ImageArray,
        depth_m: DepthArray,
        camera: Camera,
        confidence: DepthArray | None = None,
    ) -> None:
        """Add a frame.

        Args:
            name: of the camera.
            stamp_ns: time of capture; a camera's frames come in order.
            rgb: uint8 (H, W, 3).
            depth_m: float32 (H, W), NaN no estimate, +inf beyond range.
            camera: for images of H x W.
            confidence: float32 (H, W), 0 to 1; all frames have it, or none.
        """
        if name in self._round:
            self._finish_round()
        self._round[name] = stamp_ns
        panel = self._panels.setdefault(name, Panel(name, self._shown))
        self._drawn[name] = panel.draw(rgb, depth_m, camera, confidence)

    def close(self) -> None:
        """Finish the file; without frames no file is written."""
        if self._round:
            self._finish_round()
        self._pictures.close()

    def _finish_round(self) -> None:
        stamp_ns = min(self._round.values())
        self._start_ns = stamp_ns if self._start_ns is None else self._start_ns
        picture = np.vstack(list(self._drawn.values()))
        label(picture, f"{(stamp_ns - self._start_ns) / 1e9:.2f} s", (4, HEIGHT - 6))
        self._pictures.add(stamp_ns, picture)
        self._round = {}
