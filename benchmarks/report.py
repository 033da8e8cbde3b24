"""The report as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import machine
from benchmarks.machine import Facts
from benchmarks.stages import STAGES
from benchmarks.timing import Series, Spread

MIN_SPEED_UP = 5.0
"""Target: minimum ratio of the obvious way's time to ours."""
MAX_SHARE = 0.05
"""Target: maximum time of all the rest, including the edge filter, as a share of the network's."""

OURS, OBVIOUS = "ours", "obvious"
NETWORK, OWN_NETWORK, COPY, WHOLE = "network", "own network", "copy", "whole frame"
EDGES = "edges"
SOURCES = ("rgb8", "jpeg")


def key(way: str, stage: str) -> str:
    """Return the name of a stage's series."""
    return f"{way} {stage}"


class Aim(NamedTuple):
    """A ratio, its target, and whether it is reached."""

    name: str
    ratio: Spread
    wanted: str
    is_reached: bool


@dataclass(frozen=True)
class Report:
    """Results of one run.

    Attributes:
        facts: the machine, see machine.describe.
        labels: descriptions of the series other than stages: NETWORK, OWN_NETWORK, COPY, WHOLE,
            EDGES.
        series: milliseconds per round; one per way and stage, and one per label.
    """

    facts: Facts
    labels: dict[str, str]
    series: dict[str, Series]

    def total(self, way: str, source: str) -> Series:
        """Return a way's milliseconds for a frame, without the network."""
        passed = [stage for stage in STAGES if stage in _stages_from(source)]
        total: Series = sum(self.series[key(way, stage)] for stage in passed)  # type: ignore[assignment]
        return total

    def aims(self) -> list[Aim]:
        """Return the targets."""
        return [self._speed_up(source) for source in SOURCES] + [
            self._share(source) for source in SOURCES
        ]

    def table(self) -> str:
        """Return the report as text."""
        parts = (self._header(), self._stages(), self._beside(), self._judged())
        return "\n\n".join("\n".join(lines) for lines in parts)

    def save(self, path: Path) -> None:
        """Write the report as JSON."""
        samples = self.series | {
            key(way, f"sum_{source}"): self.total(way, source)
            for way in (OURS, OBVIOUS)
            for source in SOURCES
        }
        content = {
            "machine": self.facts,
            "labels": self.labels,
            "samples": {name: _sample(series) for name, series in samples.items()},
            "aims": [_aim(aim) for aim in self.aims()],
        }
        machine.save(content, path)

    def _speed_up(self, source: str) -> Aim:
        ratio = Spread.of(self.total(OBVIOUS, source) / self.total(OURS, source))
        name = f"obvious way / ours, from {source}"
        return Aim(name, ratio, f"at least {MIN_SPEED_UP:g}", ratio.median >= MIN_SPEED_UP)

    def _share(self, source: str) -> Aim:
        ours = self.total(OURS, source) + self.series[EDGES]
        ratio = Spread.of(ours / self.series[NETWORK])
        name = f"ours, edges too / network, {source}"
        return Aim(name, ratio, f"at most {MAX_SHARE:g}", ratio.median <= MAX_SHARE)

    def _header(self) -> list[str]:
        f = self.facts
        return [
            f"{f['cpu']}, {f['cores']} cores, load {f['load']}, {f['torch_threads']} threads, "
            f"torch {f['torch']} on {f.get('gpu', f['device'])}",
            "milliseconds: median [quartiles]",
        ]

    def _stages(self) -> list[str]:
        lines = [f"{'stage':<12}{'ours':>24}{'the obvious way':>26}{'obvious / ours':>18}"]
        rows = {stage: [self.series[key(w, stage)] for w in (OURS, OBVIOUS)] for stage in STAGES}
        for source in SOURCES:
            rows[f"sum, {source}"] = [self.total(way, source) for way in (OURS, OBVIOUS)]
        for name, (ours, obvious) in rows.items():
            ratio = Spread.of(obvious / ours)
            verdict = "  slower" if ratio.high < 1 else ""
            numbers = f"{_ms(ours):>24}{_ms(obvious):>26}{ratio.median:>18.2f}"
            lines.append(f"{name:<12}{numbers}{verdict}")
        return lines

    def _beside(self) -> list[str]:
        ours = self.total(OURS, "rgb8")
        lines = [f"{'other series':<62}{'':>24}{'our sum, rgb8 / it':>22}"]
        for name, label in self.labels.items():
            ratio = Spread.of(ours / self.series[name]).median
            lines.append(f"{label:<62}{_ms(self.series[name]):>24}{ratio:>22.3f}")
        return lines

    def _judged(self) -> list[str]:
        return [
            f"{'reached' if aim.is_reached else 'MISSED':<9}{aim.name:<36}"
            f"{_spread(aim.ratio, 3):>22}   wanted: {aim.wanted}"
            for aim in self.aims()
        ]


def _stages_from(source: str) -> set[str]:
    """Return the stages of a frame of type `source`."""
    others = {f"decode_{other}" for other in SOURCES if other != source}
    return set(STAGES) - others


def _spread(spread: Spread, digits: int) -> str:
    low, high = f"{spread.low:.{digits}f}", f"{spread.high:.{digits}f}"
    return f"{spread.median:.{digits}f} [{low}, {high}]"


def _ms(series: Series) -> str:
    spread = Spread.of(series)
    return _spread(spread, 3 if spread.median < 10 else 1)


def _sample(series: Series) -> dict[str, Any]:
    spread = Spread.of(series)
    return {
        "median_ms": spread.median,
        "iqr_ms": spread.iqr,
        "quartiles_ms": [spread.low, spread.high],
        "rounds": len(series),
    }


def _aim(aim: Aim) -> dict[str, Any]:
    return aim._asdict() | {"ratio": aim.ratio.median, "ratio_iqr": aim.ratio.iqr}
