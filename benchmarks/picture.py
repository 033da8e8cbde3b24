"""The report as a picture: one bar per stage and way, and one for the network."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.report import NETWORK, OBVIOUS, OURS, OWN_NETWORK, SOURCES, Report, key
from benchmarks.stages import STAGES
from benchmarks.timing import Series, Spread

Rgb = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 1000, 190, 110, 64, 24
_BACKGROUND, _TEXT, _GRID = (24, 24, 24), (230, 230, 230), (60, 60, 60)
_COLOURS: dict[str, Colour] = {OURS: (80, 200, 120), OBVIOUS: (230, 150, 60), "": (110, 150, 230)}
_DECADES = range(-2, 4)  # powers of ten of milliseconds


def draw(report: Report) -> Rgb:
    """Draw medians in milliseconds as bars, on a logarithmic axis."""
    bars = _bars(report)
    picture = np.full((_TOP + _ROW * len(bars) + 12, _WIDTH, 3), _BACKGROUND, np.uint8)
    _text(picture, "640x480, everything but the network: median ms, logarithmic", 12, 22)
    _legend(picture)
    for decade in _DECADES:
        x = _x(10.0**decade)
        cv2.line(picture, (x, _TOP), (x, len(picture)), _GRID, 1)
        _text(picture, f"{10.0**decade:g}", x - 8, _TOP - 6)
    for index, (label, way, series) in enumerate(bars):
        _bar(picture, _TOP + _ROW * index, label, way, Spread.of(series))
    return picture


def _bars(report: Report) -> list[tuple[str, str, Series]]:
    """Return label, way and milliseconds of every bar, from top to bottom."""
    ways = (OURS, OBVIOUS)
    bars = [(stage, way, report.series[key(way, stage)]) for stage in STAGES for way in ways]
    bars += [(f"sum, {src}", way, report.total(way, src)) for src in SOURCES for way in ways]
    return bars + [(name, "", report.series[name]) for name in (OWN_NETWORK, NETWORK)]


def _bar(picture: Rgb, y: int, label: str, way: str, ms: Spread) -> None:
    end, middle = _x(ms.median), y + _ROW // 2
    cv2.rectangle(picture, (_LEFT, y + 4), (end, y + _ROW - 4), _COLOURS[way], -1)
    cv2.line(picture, (_x(ms.low), middle), (_x(ms.high), middle), _TEXT, 1)
    if way != OBVIOUS:
        _text(picture, label, 12, y + 17)
    digits = max(0, 2 - int(np.floor(np.log10(ms.median))))
    _text(picture, f"{ms.median:.{digits}f}", max(end, _x(ms.high)) + 6, y + 17)


def _legend(picture: Rgb) -> None:
    for x, way, label in ((620, OURS, "ours"), (700, OBVIOUS, "obvious way"), (840, "", "network")):
        cv2.rectangle(picture, (x, 11), (x + 12, 23), _COLOURS[way], -1)
        _text(picture, label, x + 18, 22)


def _x(ms: float) -> int:
    """Return a time's position on the axis."""
    low, high = _DECADES[0], _DECADES[-1]
    share = (np.log10(max(ms, 1e-6)) - low) / (high - low)
    return int(_LEFT + float(np.clip(share, 0, 1)) * (_WIDTH - _LEFT - _RIGHT))


def _text(picture: Rgb, text: str, x: int, y: int) -> None:
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _TEXT, 1, cv2.LINE_AA)
