"""Convert many bags on a Ray cluster, one task per bag."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from depth_ros.errors import BagSettingError, DepthError, SettingError
from depth_ros.input_files import regular

Convert = Callable[[str, str, Any], str]
"""Converts a bag (source, out, plan) and returns a short description of the result."""

LOCAL = "local"
_ATTEMPTS = 3
_LOCAL_STORE_BYTES = 80 * 1024**2  # tasks exchange short texts only


class Outcome(NamedTuple):
    """Result for one bag: converted, skipped (it was converted before) or failed."""

    source: str
    state: str
    note: str


class FleetSummary(NamedTuple):
    """Results of all bags, sorted by name."""

    outcomes: list[Outcome]

    @property
    def failed(self) -> int:
        """Number of bags that failed."""
        return sum(outcome.state == "failed" for outcome in self.outcomes)

    def table(self) -> str:
        """Return the summary as a text table."""
        width = max(len(outcome.source) for outcome in self.outcomes)
        rows = [f"{one.source:<{width}}  {one.state:<9}  {one.note}" for one in self.outcomes]
        return "\n".join([*rows, f"{len(self.outcomes)} bags, {self.failed} failed"])


def run(
    address: str,
    patterns: Sequence[str],
    outdir: Path,
    plan: Any,
    convert: Convert,
    gpus: float = 0.0,
    workers: int | None = None,
) -> FleetSummary:
    """Convert every bag that matches a pattern into a folder with the bag's name.

    A bag is tried up to three times if its worker dies or raises an unexpected error. A file
    NAME.done next to the folder marks a finished bag: another run skips it.

    Args:
        address: of the cluster's head, see ray.init; "local" starts a cluster on this machine.
        patterns: glob patterns of files and folders.
        outdir: folder of the new bags. All machines must see it, and the sources, at the same path.
        plan: passed to convert, in JSON types.
        convert: what a worker runs; out may contain an interrupted attempt.
        gpus: share of a GPU that a task needs; 0: the task sees no GPU.
        workers: parallel tasks of a local cluster; None: the number of processors.

    Raises:
        BagError: no bag matches, or two have the same name.
        SettingError: Ray is not installed, or the cluster cannot be reached.
    """
    jobs = _jobs(patterns, outdir)
    outdir.mkdir(parents=True, exist_ok=True)
    with _cluster(address, workers) as ray:
        options = {"num_gpus": gpus, "max_retries": _ATTEMPTS - 1, "retry_exceptions": True}
        task = ray.remote(**options)(_attempt)
        running = {task.remote(source, out, plan, convert): source for source, out in jobs.items()}
        outcomes = [_outcome(ray, running[one], one) for one in _finished(ray, list(running))]
    return FleetSummary(sorted(outcomes))


def _jobs(patterns: Sequence[str], outdir: Path) -> dict[str, str]:
    """Return source and output paths, absolute because workers run in another folder."""
    found = sorted({Path(name).absolute() for pattern in patterns for name in glob(pattern)})
    jobs: dict[str, str] = {}
    for source in found:
        out = str(outdir.absolute() / (source.stem if source.is_file() else source.name))
        if out in jobs.values():
            raise BagSettingError(
                f"{source} and another bag have the same name, expected different ones"
            )
        jobs[str(source)] = out
    if not jobs:
        raise BagSettingError(f"no bag matches {', '.join(patterns)}")
    return jobs


@contextmanager
def _cluster(address: str, workers: int | None) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine, without log output or dashboard."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise SettingError("Ray is missing, expected: pip install ray") from error
    options: dict[str, Any] = {"address": address, "log_to_driver": False}
    if address == LOCAL:
        options |= {"num_cpus": workers, "object_store_memory": _LOCAL_STORE_BYTES}
        options |= {"include_dashboard": False}
    try:
        ray.init(logging_level=logging.ERROR, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise SettingError(f"Ray at '{address}' cannot be reached: {error}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _attempt(source: str, out: str, plan: Any, convert: Convert) -> Outcome:
    """Convert one bag, in a worker, and mark it as done; see run()."""
    done = Path(f"{out}.done")
    if done.exists():
        before = json.loads(regular(done).read_text())
        same = before == {**before, "source": source, "plan": plan}
        if same and Path(out).exists():
            return Outcome(source, "skipped", "converted before")
        why = f"{done} is of {before.get('source')}, or of other settings and options"
        return Outcome(source, "failed", f"{why}: remove it to convert")
    try:
        note = convert(source, out, plan)
    except DepthError as error:  # another attempt would fail as well
        return Outcome(source, "failed", str(error))
    unfinished = Path(f"{out}.done.part")
    unfinished.write_text(json.dumps({"source": source, "plan": plan, "note": note}) + "\n")
    unfinished.replace(done)
    return Outcome(source, "converted", note)


def _finished(ray: Any, running: list[Any]) -> Iterator[Any]:
    """Yield tasks as they end."""
    with tqdm(total=len(running), desc="convert", unit="bag") as bar:
        while running:
            (one,), running = ray.wait(running)
            yield one
            bar.update()


def _outcome(ray: Any, source: str, task: Any) -> Outcome:
    try:
        outcome: Outcome = ray.get(task)
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        note = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        return Outcome(source, "failed", f"{note} (after {_ATTEMPTS} attempts)")
    return outcome
