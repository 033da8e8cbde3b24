"""Small line plots as inline SVG, for a page without external files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from depth_ros.arrays import FloatArray

Series: TypeAlias = tuple[str, FloatArray, FloatArray]
"""A line's name, and its x and y (N,)."""

COLOURS = ("#2a6fdb", "#d9480f", "#2b8a3e", "#9c36b5", "#b08900", "#0b7285", "#c2255c")
"""Colours of the lines; all are visible on light and dark backgrounds."""

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 560, 300, 56, 44, 14, 12
_LEGEND_PX = 18


@dataclass(frozen=True)
class Axis:
    """An axis of a plot: its label, and its ticks in ascending order."""

    label: str
    ticks: Sequence[float]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Return a value's position between the first tick (0) and the last (1), clipped."""
        low, high = self._on(self.ticks[0]), self._on(self.ticks[-1])
        return min(max((self._on(value) - low) / (high - low), 0.0), 1.0)

    def _on(self, value: float) -> float:
        return math.log(max(value, self.ticks[0])) if self.logarithmic else value


def lines(series: Sequence[Series], x: Axis, y: Axis) -> str:
    """Return an SVG element with the lines, axes and a legend."""
    height = _HEIGHT + _LEGEND_PX * len(series)
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" class="plot">']
    parts += [_mark_x(x, tick) for tick in x.ticks] + [_mark_y(y, tick) for tick in y.ticks]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(_text(middle, _HEIGHT - 8, x.label, "middle"))
    parts.append(f'<g transform="rotate(-90)">{_text(-_HEIGHT / 2, 14, y.label, "middle")}</g>')
    for index, (name, xs, ys) in enumerate(series):
        parts.append(_line(xs, ys, x, y, COLOURS[index % len(COLOURS)]))
        parts.append(_legend(index, name))
    return "".join([*parts, "</svg>"])


def nice_ticks(highest: float) -> list[float]:
    """Return about five round numbers from 0 to at least `highest`."""
    rough = max(highest, 1e-9) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
    return [step * index for index in range(math.ceil(highest / step - 1e-9) + 1)]


def _across(x: Axis, value: float) -> float:
    return _LEFT + x.share(value) * (_WIDTH - _LEFT - _RIGHT)


def _down(y: Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - y.share(value) * (_HEIGHT - _BOTTOM - _TOP)


def _line(xs: FloatArray, ys: FloatArray, x: Axis, y: Axis, colour: str) -> str:
    places = [(_across(x, a), _down(y, b)) for a, b in zip(xs.tolist(), ys.tolist(), strict=True)]
    points = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
    dots = "".join(
        f'<circle cx="{a:.1f}" cy="{d:.1f}" r="2.5" fill="{colour}"/>' for a, d in places
    )
    path = f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
    return path + dots


def _mark_x(x: Axis, tick: float) -> str:
    across = _across(x, tick)
    line = f'<line x1="{across:.1f}" x2="{across:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
    return line + _text(across, _HEIGHT - _BOTTOM + 15, f"{tick:g}", "middle")


def _mark_y(y: Axis, tick: float) -> str:
    down = _down(y, tick)
    line = f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{down:.1f}" y2="{down:.1f}"/>'
    return line + _text(_LEFT - 6, down + 4, f"{tick:g}", "end")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _legend(index: int, name: str) -> str:
    down = _HEIGHT + _LEGEND_PX * index + 6
    colour = COLOURS[index % len(COLOURS)]
    dot = f'<circle cx="{_LEFT + 6}" cy="{down - 4}" r="4" fill="{colour}"/>'
    return dot + _text(_LEFT + 16, down, name, "start")
