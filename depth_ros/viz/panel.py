"""One camera's part of a preview: image | depth with its scale | cloud from above | confidence."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch

from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.evaluation.picture import FAR_M, HEIGHT, NEAR_M, WIDTH, coloured, fit, from_above
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.colour import robust_range
from depth_ros.viz.points import points

_FARS_M = (2.0, 4.0, 8.0, 16.0, 40.0, 80.0, 200.0)
_SHARES = (2.0, 4.0, 8.0, 16.0, 32.0)  # candidates of far / near
_TICKS = (1.0, 2.0, 4.0)  # times near
_BAR_PX = 8
_MARGIN_PX = 4


class Range(NamedTuple):
    """The range of depth colours; far is also the limit of the view from above."""

    near_m: float = NEAR_M
    far_m: float = FAR_M


class Panel:
    """Draws a camera's frames in a fixed range; None: that of the first frame with depth."""

    def __init__(self, name: str, shown: Range | None = None) -> None:
        self._name = name
        self._range = shown

    def draw(
        self,
        rgb: ImageArray,
        depth_m: DepthArray,
        camera: Camera,
        confidence: DepthArray | None = None,
    ) -> ImageArray:
        """Return the picture of one frame, 240 rows of 320 columns per part; see Preview.add."""
        if self._range is None and np.isfinite(depth_m).any():
            self._range = round_range(depth_m)
        shown = self._range or Range()
        image, depth = fit(rgb), coloured(depth_m, *shown)
        cloud = from_above(points(rgb, depth_m, camera, across=WIDTH).xyz, shown.far_m)
        label(image, self._name, (_MARGIN_PX, 14))
        label(cloud, f"from above, {shown.far_m:g} m", (_MARGIN_PX, 14))
        _draw_scale(depth, shown)
        parts = [image, depth, cloud]
        if confidence is not None:
            parts.append(fit(grey(confidence)))
            label(parts[-1], "confidence, black 0 to white 1", (_MARGIN_PX, 14))
        return np.hstack(parts)


def grey(share: DepthArray) -> ImageArray:
    """Return values (H, W) from 0 to 1 as grey (H, W, 3); NaN is black."""
    levels = np.nan_to_num(share * 255, nan=0.0).clip(0, 255).round().astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)


def round_range(depth_m: DepthArray) -> Range:
    """Return a range of round numbers that contains almost all pixels of a depth image."""
    least_m, most_m = robust_range(torch.from_numpy(depth_m.copy()))
    far_m = next((far_m for far_m in _FARS_M if far_m >= most_m), _FARS_M[-1])
    nears_m = [far_m / share for share in _SHARES]
    return Range(next((near_m for near_m in nears_m if near_m <= least_m), nears_m[-1]), far_m)


def label(picture: ImageArray, text: str, place: tuple[int, int]) -> None:
    """Write text that is readable on any background; place is its lower left corner."""
    x, y = place
    for right, down in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        _write(picture, text, (x + right, y + down), (0, 0, 0))
    _write(picture, text, place, (255, 255, 255))


def _write(
    picture: ImageArray, text: str, place: tuple[int, int], rgb: tuple[int, int, int]
) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(picture, text, place, font, 0.4, rgb, 1, cv2.LINE_AA)


def _draw_scale(cell: ImageArray, shown: Range) -> None:
    """Draw a colour bar with ticks in metres at the bottom of a cell."""
    near_m, far_m = shown
    # Colours are even in inverse depth.
    ramp_m = 1 / np.linspace(1 / near_m, 1 / far_m, WIDTH, dtype=np.float32)
    cell[-_BAR_PX:] = coloured(np.tile(ramp_m, (HEIGHT, 1)), near_m, far_m)[:_BAR_PX]
    for tick_m in sorted({far_m, *(near_m * tick for tick in _TICKS if near_m * tick < far_m)}):
        text = f"{tick_m:g}" + (" m" if tick_m == far_m else "")
        middle = (1 / near_m - 1 / tick_m) / (1 / near_m - 1 / far_m) * WIDTH
        width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)[0][0]
        left = np.clip(middle - width / 2, _MARGIN_PX, WIDTH - width - _MARGIN_PX)
        label(cell, text, (int(left), HEIGHT - _BAR_PX - _MARGIN_PX))
