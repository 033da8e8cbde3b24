"""Results of one run, collected step by step: as text, as JSON, and for the targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import machine
from benchmarks.gpu.timing import Times
from benchmarks.machine import Facts
from depth_ros.profile import Lap

NETWORK, FRAME, LAYOUT = "network", "frame", "layout"


class Key(NamedTuple):
    """Key of a timing.

    Attributes:
        part: NETWORK alone, whole FRAME, or LAYOUT.
        network: its name.
        dtype: its precision.
        way: how it was run.
        case: the size of the images, and other details of the request.
    """

    part: str
    network: str
    dtype: str
    way: str
    case: str

    def text(self) -> str:
        """Return the key as text."""
        return f"{self.network:<12} {self.dtype:<9} {self.case:<20} {self.part:<8} {self.way:<28} "


@dataclass
class Results:
    """The results so far.

    Attributes:
        facts: the machine.
        times: the timings.
        failed: reasons of failed measurements, by name.
        remarks: remarks on measurements, by name.
        stages: of whole frames, by their key.
        live: of the running node, by setup.
        bars: the targets, once checked.
    """

    facts: Facts
    times: dict[Key, Times] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    stages: dict[Key, Sequence[Lap]] = field(default_factory=dict)
    live: dict[str, dict[str, Any]] = field(default_factory=dict)
    bars: list[dict[str, Any]] = field(default_factory=list)

    def share(self, frame: Key) -> float | None:
        """Return the network's share of frames in a row; None if unknown."""
        pair = self._pair(frame)
        return None if pair is None else pair[0].row.median / pair[1].row.median

    def added_ms(self, frame: Key) -> float | None:
        """Return a frame's time in addition to its network, one by one; None if unknown."""
        pair = self._pair(frame)
        return None if pair is None else pair[1].one.median - pair[0].one.median

    def _pair(self, frame: Key) -> tuple[Times, Times] | None:
        alone, whole = self.times.get(frame._replace(part=NETWORK)), self.times.get(frame)
        return None if alone is None or whole is None else (alone, whole)

    def frames(self) -> list[Key]:
        """Return the timed whole frames, in order."""
        return [key for key in self.times if key.part == FRAME]

    def save(self, path: Path) -> None:
        """Write the results as JSON."""
        content = {
            "machine": self.facts,
            "times": [key._asdict() | times.as_json() for key, times in self.times.items()],
            "frames": [
                key._asdict() | {"share": self.share(key), "added_ms": self.added_ms(key)}
                for key in self.frames()
            ],
            "stages": [
                key._asdict() | {"stages": [lap._asdict() for lap in laps]}
                for key, laps in self.stages.items()
            ],
            "live": self.live,
            "failed": self.failed,
            "remarks": self.remarks,
            "bars": self.bars,
        }
        machine.save(content, path)
