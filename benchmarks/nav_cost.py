"""What each measure of the navigation cloud costs: milliseconds of a frame on the CPU.

Frames of a rendered drive, 640x480 with stride 4, with the shipped configuration
(config/presets/nav2.yaml). Run as python -m benchmarks.nav_cost.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import wraps
from typing import Any
from unittest import mock

import numpy as np
import torch

from benchmarks.command import in_one_line
from benchmarks.costmap import PRESET, Taken, take
from benchmarks.timing import Series, Spread
from depth_ros import share
from depth_ros.cli.given_settings import given
from depth_ros.config import Settings
from depth_ros.geometry import navigation
from depth_ros.pipeline import DepthFrame, Pipeline, Place, navigator
from depth_ros.pipeline.agreement import FrameAgreement
from depth_ros.pipeline.navigator import Navigator

MOST_MS = 1.0
"""The bar for each measure."""
MEASURES: dict[str, tuple[tuple[Any, str], ...]] = {
    "uncertainty": ((Navigator, "_sigma"), (navigation, "height_deviation_m")),
    "contact with the floor": ((Navigator, "_by_contact"),),
    "range": ((navigator, "_within"),),
    "flying pixels": ((navigator, "flying"),),
    "heights and floor": ((navigation, "heights_m"), (navigator, "_on_ground")),
    "isolated points": ((navigation, "neighbours"),),
    "frames agree": ((FrameAgreement, "of"),),
    "voxels": ((navigator, "_thinned"),),
}
"""The functions of each measure: none calls one of another measure."""
REST, WHOLE = "everything else", "the cloud"
_WARM_UP = 10  # frames


class Stopwatch:
    """Adds up the time in functions, under the names of their measures."""

    def __init__(self) -> None:
        self.spent_ms: dict[str, float] = {}
        self._inside = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Time the functions of all measures inside this context."""
        with ExitStack() as stack:
            for measure, functions in MEASURES.items():
                for owner, name in functions:
                    timed = self.timed(measure, getattr(owner, name))
                    stack.enter_context(mock.patch.object(owner, name, timed))
            yield

    def timed(self, measure: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose time counts for a measure, unless another one calls it."""

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            if self._inside:
                return function(*arguments, **named)
            self._inside, start_s = True, time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self._inside = False
                taken_ms = 1e3 * (time.perf_counter() - start_s)
                self.spent_ms[measure] = self.spent_ms.get(measure, 0.0) + taken_ms

        return call


def frames(pipeline: Pipeline, drive: Sequence[Taken]) -> list[tuple[DepthFrame, Place]]:
    """Return the depth of a drive's frames."""
    depths = (pipeline.measure(taken.estimate, taken.place.mount) for taken in drive)
    return [(depth, taken.place) for depth, taken in zip(depths, drive, strict=True)]


def measure(
    subject: Navigator, settings: Settings, drive: Sequence[tuple[DepthFrame, Place]], rounds: int
) -> dict[str, Series]:
    """Return the milliseconds of each measure for each frame, without the first frames."""
    watch, found = Stopwatch(), []
    with watch.watching():
        for number in range(rounds):
            later_ns = number * 10**12  # a drive of its own
            for depth, place in drive:
                watch.spent_ms, start_s = {}, time.perf_counter()
                later = replace(depth, stamp_ns=depth.stamp_ns + later_ns)
                subject.cloud(later, settings, place)
                whole_ms = 1e3 * (time.perf_counter() - start_s)
                spent_ms = [watch.spent_ms.get(measure, 0.0) for measure in MEASURES]
                found.append([*spent_ms, whole_ms - sum(spent_ms), whole_ms])
    columns = np.array(found[_WARM_UP:]).T
    return dict(zip([*MEASURES, REST, WHOLE], columns, strict=True))


def table(series: dict[str, Series]) -> str:
    """Return the measures' milliseconds, and which ones miss the bar."""
    lines = [f"{'ms of a frame: median [quartiles]':<34}"]
    for name, each in series.items():
        spread = Spread.of(each)
        missed = name in MEASURES and spread.median > MOST_MS
        lines.append(
            f"{name:<34}{spread.median:>6.2f} [{spread.low:.2f}, {spread.high:.2f}]"
            + (f"  MISSED: at most {MOST_MS:g}" if missed else "")
        )
    return "\n".join(lines)


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    settings = given(share.find(PRESET), [f"model={options.model}"])
    pipeline = Pipeline.from_settings(settings)
    drive = take(pipeline, options.height_m, options.seed, options.steps)
    depths = frames(pipeline, drive)
    print(table(measure(pipeline.navigator, settings, depths, options.rounds)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nav_cost", description=__doc__)
    parser.add_argument("--model", default="zoedepth-lite", help="of metres: name, folder, hub id")
    parser.add_argument("--height-m", type=float, default=0.3, help="of the camera")
    parser.add_argument("--seed", type=int, default=7, help="of the drive")
    parser.add_argument("--steps", type=int, default=80, help="frames of the drive")
    parser.add_argument("--rounds", type=int, default=3, help="through the drive")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    return parser


if __name__ == "__main__":
    sys.exit(main())
