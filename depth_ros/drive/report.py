"""The results of the drives as a table."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from depth_ros.drive.scenario import Scenario
from depth_ros.navigation.simulation import Outcome, Step

MIN_REACHED = 0.9
"""Minimum share of rooms in which the robot reaches the goal without collision."""


class Result(NamedTuple):
    """The result of one drive.

    Attributes:
        scenario: room, start and goal.
        outcome: goal, collision or timeout.
        seconds: simulated time.
        driven_m: driven distance.
        clearance_m: minimum distance of the robot's side to obstacles.
        recoveries: number of turns because there was no free path, or no depth.
        images, dropped: number of images, and number of those without depth.
    """

    scenario: Scenario
    outcome: Outcome
    seconds: float
    driven_m: float
    clearance_m: float
    recoveries: int
    images: int
    dropped: int

    @classmethod
    def of(cls, scenario: Scenario, steps: list[Step], recoveries: int, dropped: int) -> Result:
        """Return the result of a drive from all its steps."""
        last = steps[-1]
        assert last.outcome is not None
        driven_m = sum(
            math.dist(before.pose[:2], after.pose[:2]) for before, after in pairwise(steps)
        )
        clear_m = min(step.clearance_m for step in steps)
        counts = (recoveries, len(steps) - 1, dropped)
        return cls(scenario, last.outcome, last.seconds, driven_m, clear_m, *counts)


class Report(NamedTuple):
    """Results of all drives, and the seeds of rooms that were rejected: no suitable path."""

    results: list[Result]
    rejected: list[int]

    @property
    def reached(self) -> int:
        """Number of goals reached."""
        return sum(result.outcome is Outcome.GOAL for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether enough goals were reached."""
        return self.reached >= MIN_REACHED * len(self.results)

    def table(self) -> str:
        """Return the report for people to read."""
        lines = [f"  {'room':>4}  {'size [m]':>10}  {'result':<9}  time [s]  path [m]  shortest"]
        lines[0] += "  clearance  recoveries  no depth"
        lines += [_line(result) for result in self.results]
        counts = Counter(result.outcome.value for result in self.results)
        ends = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        rejected = ", ".join(map(str, self.rejected)) or "none"
        return "\n".join([*lines, f"  {ends}; rooms left out, without a suitable path: {rejected}"])


def _line(result: Result) -> str:
    length, width, _ = result.scenario.room.size_m
    return (
        f"  {result.scenario.seed:>4}  {length:4.1f} x {width:3.1f}  {result.outcome.value:<9}"
        f"  {result.seconds:8.1f}  {result.driven_m:8.1f}  {result.scenario.shortest_m:8.1f}"
        f"  {result.clearance_m:7.2f} m  {result.recoveries:>10}"
        f"  {result.dropped:>3} of {result.images}"
    )
