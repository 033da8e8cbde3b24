"""Targets on a GPU, and whether they are reached."""

from __future__ import annotations

from typing import Any, NamedTuple

from benchmarks.gpu.alone import COMPILED
from benchmarks.gpu.results import Key, Results

VGA = "640x480"
MIN_SHARE, MIN_SHARE_COMPILED = 0.95, 0.85
"""Minimum share of the network in a frame, in a row: V2-B, V2-L, ZoeDepth; V2-S compiled."""
MAX_ADDED_MS = 1.0
"""Maximum time of a frame in addition to its network, for depth and cloud up to publication."""
MIN_HZ_COMPILED = 400.0
"""Minimum frames per second of V2-S compiled."""
MAX_GRIN_MS = 80.0
"""Maximum time of a dense frame of GRIN-base with one step: a tenth of the paper's 0.8 s."""
GRIN_CASE = "640x384 dense S=1"
MIN_CAMERAS_RATIO = 2.0
"""Minimum ratio of the answers of one node with three cameras to those of three nodes."""
LIVE_60 = "one camera, 60 Hz"
ONE_NODE, THREE_NODES = "one node, 3 cameras, 60 Hz", "3 nodes, 60 Hz"


class Bar(NamedTuple):
    """A number, its target, and whether it is reached; both None if not measured."""

    name: str
    wanted: str
    value: float | None
    is_reached: bool | None

    def text(self) -> str:
        """Return it to read."""
        verdict = {True: "reached", False: "MISSED", None: "not measured"}[self.is_reached]
        value = "" if self.value is None else f"{self.value:.3f}"
        return f"{verdict:<14}{self.name:<72}{value:>10}   wanted: {self.wanted}"


def judge(results: Results) -> list[Bar]:
    """Return all targets."""
    return [
        *_shares(results),
        *_added(results),
        _compiled_rate(results),
        _grin(results),
        *_live(results.live),
    ]


def _at_least(name: str, value: float | None, least: float, unit: str = "") -> Bar:
    reached = None if value is None else value >= least
    return Bar(name, f"at least {least:g}{unit}", value, reached)


def _at_most(name: str, value: float | None, most: float, unit: str = "") -> Bar:
    reached = None if value is None else value <= most
    return Bar(name, f"at most {most:g}{unit}", value, reached)


def _named(key: Key) -> str:
    return f"{key.network}, {key.dtype}, {key.way}"


def _vga(results: Results) -> list[Key]:
    return [key for key in results.frames() if key.case == VGA]


def _shares(results: Results) -> list[Bar]:
    bars = [
        _at_least(f"share of the network in a row: {_named(key)}", results.share(key), least)
        for key in _vga(results)
        if (least := _least_share(key)) is not None
    ]
    judged = {key.network for key in _vga(results) if _least_share(key) is not None}
    missing = [name for name in ("base", "large", "zoedepth", "small") if name not in judged]
    return bars + [
        _at_least(f"share of the network in a row: {name}", None, MIN_SHARE)
        if name != "small"
        else _at_least("share of the network in a row: small, compiled", None, MIN_SHARE_COMPILED)
        for name in missing
    ]


def _least_share(key: Key) -> float | None:
    if key.network in ("base", "large", "zoedepth"):
        return MIN_SHARE
    return MIN_SHARE_COMPILED if (key.network, key.way) == ("small", COMPILED) else None


def _added(results: Results) -> list[Bar]:
    found = [
        _at_most(f"added latency: {_named(key)}", results.added_ms(key), MAX_ADDED_MS, " ms")
        for key in _vga(results)
    ]
    return found or [_at_most("added latency", None, MAX_ADDED_MS, " ms")]


def _compiled_rate(results: Results) -> Bar:
    rates = [
        1e3 / results.times[key].row.median
        for key in _vga(results)
        if (key.network, key.way) == ("small", COMPILED)
    ]
    name = "frames per second: small, compiled"
    return _at_least(name, max(rates, default=None), MIN_HZ_COMPILED)


def _grin(results: Results) -> Bar:
    times = [
        results.times[key].one.median
        for key in results.frames()
        if (key.network, key.dtype, key.case) == ("grin-base", "bfloat16", GRIN_CASE)
    ]
    return _at_most(f"frame: grin-base, bfloat16, {GRIN_CASE}", min(times, default=None), 80, " ms")


def _live(live: dict[str, dict[str, Any]]) -> list[Bar]:
    replaced = float(live[LIVE_60]["replaced"]) if LIVE_60 in live else None
    pair = [live[name]["per_second"] for name in (ONE_NODE, THREE_NODES) if name in live]
    ratio = pair[0] / pair[1] if len(pair) == 2 else None
    return [
        _at_most("live at 60 Hz: frames replaced by newer ones", replaced, 0),
        _at_least("three cameras in one node over three nodes", ratio, MIN_CAMERAS_RATIO),
    ]
