"""The tables of a run."""

from __future__ import annotations

from benchmarks.gpu.bars import Bar
from benchmarks.gpu.results import NETWORK, Key, Results
from benchmarks.gpu.timing import spread_text
from benchmarks.machine import Facts
from depth_ros.profile import Lap

HEAD = f"{'':<82}{'one by one':>24}{'in a row':>24}   ms: median [quartiles]"


def header(facts: Facts) -> str:
    """Return a description of the machine."""
    return (
        f"{facts.get('gpu', facts['device'])}, driver {facts.get('driver', 'none')}, torch "
        f"{facts['torch']}, transformers {facts['transformers']}; {facts['cpu']}, "
        f"{facts['cores']} cores, load {facts['load']}; commit {facts['commit']}, {facts['date']}"
    )


def frames(results: Results) -> str:
    """Return the table of whole frames and their networks, in Markdown."""
    lines = [
        "| network | precision | images | way | network alone: one by one / in a row | whole "
        "frame: one by one / in a row | added | network's share in a row | frames/s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join(lines + [_frame(results, key) for key in results.frames()])


def _frame(results: Results, key: Key) -> str:
    whole, alone = results.times[key], results.times.get(key._replace(part=NETWORK))
    share, added_ms = results.share(key), results.added_ms(key)
    cells = [
        key.network,
        key.dtype,
        key.case,
        key.way,
        "" if alone is None else f"{alone.one.median:.2f} / {alone.row.median:.2f}",
        f"{whole.one.median:.2f} / {whole.row.median:.2f}",
        "" if added_ms is None else f"{added_ms:.2f}",
        "" if share is None else f"{share:.0%}",
        f"{1e3 / whole.row.median:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def ways(results: Results, *parts: str) -> str:
    """Return the table of times of some parts, with spreads, in Markdown."""
    lines = [
        "| network | precision | images | way | one by one | in a row |",
        "|---|---|---|---|---|---|",
    ]
    for key, times in results.times.items():
        if key.part in parts:
            named = " | ".join((key.network, key.dtype, key.case, key.way))
            lines.append(f"| {named} | {spread_text(times.one)} | {spread_text(times.row)} |")
    return "\n".join(lines)


def stages(results: Results) -> str:
    """Return the stages of whole frames, a line each."""
    return "\n".join(
        f"{key.network}, {key.dtype}, {key.case}, {key.way}: {_laps(list(laps))}"
        for key, laps in results.stages.items()
    )


def _laps(laps: list[Lap]) -> str:
    return ", ".join(f"{lap.stage} {lap.text()}" for lap in laps)


def verdicts(bars: list[Bar]) -> str:
    """Return the targets and the results."""
    return "\n".join(bar.text() for bar in bars)
