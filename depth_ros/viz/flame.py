"""Draw the durations of a frame's stages on a time axis."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from depth_ros.arrays import ImageArray
from depth_ros.profile import Lap

WIDTH = 1000
_LEFT, _TOP, _BAR, _GAP, _LINE = 70, 34, 36, 8, 20
_BACKGROUND, _TEXT, _INK = (24, 24, 24), (230, 230, 230), (20, 20, 20)
_FONT, _SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.45
# One for each stage: light enough for dark text, and different from its neighbours.
_COLOURS = (
    *((250, 220, 110), (120, 180, 240), (240, 140, 60), (130, 210, 140), (225, 110, 110)),
    *((180, 160, 235), (200, 200, 200), (90, 200, 200), (235, 160, 205), (185, 200, 90)),
    *((205, 165, 120), (150, 150, 150), (245, 200, 170), (110, 140, 210), (160, 235, 210)),
    (215, 215, 130),
)


def draw(laps: Sequence[Lap], title: str) -> ImageArray:
    """Draw stages on a time axis: a row for the host, and one for the device if there is one.

    A legend with their names and milliseconds is below.
    """
    rows = {"host": [lap.host_ms for lap in laps]}
    if any(lap.device_ms is not None for lap in laps):
        rows["device"] = [lap.device_ms or 0.0 for lap in laps]
    total_ms = max(sum(row) for row in rows.values()) or 1.0
    bottom = _TOP + len(rows) * (_BAR + _GAP)
    picture = np.full((bottom + _LINE * len(laps) + 12, WIDTH, 3), _BACKGROUND, np.uint8)
    _write(picture, title, 12, 20, _TEXT)
    for number, (name, row) in enumerate(rows.items()):
        y = _TOP + number * (_BAR + _GAP)
        _write(picture, name, 12, y + _BAR // 2 + 5, _TEXT)
        _draw_row(picture, y, [lap.stage for lap in laps], row, total_ms)
    for number, lap in enumerate(laps):
        _draw_line(picture, bottom + _LINE * number, number, lap)
    return picture


def _draw_row(
    picture: ImageArray, y: int, stages: Sequence[str], row: Sequence[float], total_ms: float
) -> None:
    ends = _LEFT + np.cumsum([0.0, *row]) / total_ms * (WIDTH - _LEFT - 12)
    for number, (stage, left, right) in enumerate(zip(stages, ends[:-1], ends[1:], strict=True)):
        place, corner = (round(left), y), (max(round(left), round(right) - 1), y + _BAR)
        cv2.rectangle(picture, place, corner, _colour(number), -1)
        if cv2.getTextSize(stage, _FONT, _SIZE, 1)[0][0] < right - left - 8:
            _write(picture, stage, round(left) + 4, y + _BAR // 2 + 5, _INK)


def _draw_line(picture: ImageArray, y: int, number: int, lap: Lap) -> None:
    cv2.rectangle(picture, (_LEFT, y + 4), (_LEFT + 12, y + 16), _colour(number), -1)
    _write(picture, f"{lap.stage}  {lap.text()} ms", _LEFT + 20, y + 15, _TEXT)


def _colour(number: int) -> tuple[int, int, int]:
    return _COLOURS[number % len(_COLOURS)]


def _write(picture: ImageArray, text: str, x: int, y: int, colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, (x, y), _FONT, _SIZE, colour, 1, cv2.LINE_AA)
