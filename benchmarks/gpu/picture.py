"""Time of frames in a row as bars: the network's part and the rest."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.gpu.report import header
from benchmarks.gpu.results import NETWORK, Results

Rgb = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 1200, 400, 230, 72, 24
_BACKGROUND, _TEXT = (24, 24, 24), (230, 230, 230)
_NETWORK: Colour = (110, 150, 230)
_REST: Colour = (230, 150, 60)


def draw(results: Results) -> Rgb:
    """Draw every timed whole frame, in milliseconds in a row, each at its own scale."""
    keys = results.frames()
    picture = np.full((_TOP + _ROW * len(keys) + 12, _WIDTH, 3), _BACKGROUND, np.uint8)
    _text(picture, header(results.facts), 12, 20, 0.38)
    _text(picture, "frames in a row, the network's share of each; ms a frame", 12, 46)
    for x, colour, label in ((700, _NETWORK, "the network alone"), (880, _REST, "the rest")):
        cv2.rectangle(picture, (x, 35), (x + 12, 47), colour, -1)
        _text(picture, label, x + 18, 46)
    for index, key in enumerate(keys):
        y = _TOP + _ROW * index
        frame_ms = results.times[key].row.median
        alone = results.times.get(key._replace(part=NETWORK))
        share = min(1.0, alone.row.median / frame_ms) if alone else 0.0
        _text(picture, f"{key.network}, {key.dtype}, {key.case}, {key.way}", 12, y + 17)
        _bar(picture, y, share)
        text = f"{frame_ms:.2f}" + (f", network {alone.row.median:.2f}" if alone else "")
        _text(picture, text, _WIDTH - _RIGHT + 8, y + 17)
    return picture


def _bar(picture: Rgb, y: int, share: float) -> None:
    end = _WIDTH - _RIGHT
    middle = round(_LEFT + share * (end - _LEFT))
    cv2.rectangle(picture, (_LEFT, y + 4), (end, y + _ROW - 4), _REST, -1)
    if middle > _LEFT:
        cv2.rectangle(picture, (_LEFT, y + 4), (middle, y + _ROW - 4), _NETWORK, -1)


def _text(picture: Rgb, text: str, x: int, y: int, size: float = 0.45) -> None:
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, _TEXT, 1, cv2.LINE_AA)
