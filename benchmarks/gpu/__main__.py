"""Measure networks and whole frames on a GPU. Run as python -m benchmarks.gpu.

Everything is checked before it is timed. Failures are reported, and the rest continues; numbers are
written after every step. docs/gpu.md explains them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks import machine
from benchmarks.command import in_one_line
from benchmarks.gpu import bars, cases, layout, live, networks, picture, report
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.cases import PARTS, Case
from benchmarks.gpu.device import Device, find
from benchmarks.gpu.results import LAYOUT, NETWORK, Results
from benchmarks.machine import Facts
from depth_ros.evaluation.picture import save
from depth_ros.runtimes.torch_runtime import DTYPES

GRIN = "grin"
SECTIONS = (*PARTS, GRIN, LAYOUT, live.LIVE)
_MOGE = "moge"
_DTYPES, _GRIN_FIRST = ["float16", "bfloat16"], "bfloat16"


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Measure, print and draw; the exit code is 0 even if targets are missed."""
    options = _parser().parse_args(arguments)
    device = find(options.device)
    results = Results(_facts(device))
    path = options.out / "gpu.json"
    bench = Bench(device, results, path, options.seconds_per_measurement, options.budget)
    print(f"{report.header(results.facts)}\n{report.HEAD}", flush=True)
    try:
        _measure(bench, options)
    finally:
        _conclude(bench.results, options.out, path)
    return 0


def _measure(bench: Bench, options: argparse.Namespace) -> None:
    for name, dtype in _order(options.networks, options.dtypes):
        if dtype:
            _run_cases(bench, name, dtype, options)
        elif LAYOUT in options.only:
            layout.run(bench, name, options.dtypes[0], options.image)
        bench.device.forget()
    if live.LIVE in options.only:
        live.run(bench, options.networks[0], options.dtypes[0], options.live_seconds)


def _order(names: list[str], dtypes: list[str]) -> list[tuple[str, str]]:
    """Return networks and precisions, in priority order; empty precision: the layout.

    Those with targets come first. GRIN overflows in float16 with some weights: bfloat16 comes
    first.
    """
    first = [(name, dtypes[0]) for name in names if not name.startswith((GRIN, _MOGE))]
    first += [(name, "") for name in names if name in layout.NETWORKS]
    if _GRIN_FIRST in dtypes:
        first += [(name, _GRIN_FIRST) for name in names if name.startswith(GRIN)]
    rest = [(name, dtype) for dtype in dtypes for name in names]
    return first + [pair for pair in rest if pair not in first]


def _run_cases(bench: Bench, name: str, dtype: str, options: argparse.Namespace) -> None:
    denoises = name.startswith(GRIN)
    parts = tuple(part for part in PARTS if part in options.only)
    if denoises:
        parts = PARTS if GRIN in options.only else ()
    if not parts:
        return
    model = bench.attempt(f"{name} {dtype}", lambda: networks.build(name, bench.device.place))
    if model is None:
        return
    compiled = options.compile == "all" or (options.compile, dtype) == (name, options.dtypes[0])
    width, height = options.image
    case = Case(name, dtype, width, height, compiled=compiled, parts=parts)
    for each in cases.variants(case) if denoises else [case]:
        cases.run(bench, each, model)
        bench.device.forget()
    if compiled:
        torch.compiler.reset()  # torch limits the number of compilations of similar networks


def _conclude(results: Results, folder: Path, path: Path) -> None:
    """Print the tables, check the targets, and write numbers and picture."""
    judged = bars.judge(results)
    results.bars = [bar._asdict() for bar in judged]
    results.save(path)
    save(picture.draw(results), folder / "gpu.png")
    tables = (
        report.frames(results),
        report.ways(results, NETWORK, LAYOUT),
        report.stages(results),
        report.verdicts(judged),
        "\n".join(f"failed: {name}: {reason}" for name, reason in results.failed.items()),
        "\n".join(f"{name}: {remark}" for name, remark in results.remarks.items()),
    )
    print("\n" + "\n\n".join(table for table in tables if table))
    print(f"\nnumbers: {path}   picture: {folder / 'gpu.png'}")


def _facts(device: Device) -> Facts:
    facts = machine.describe(device.place)
    if device.place.type == "cuda":
        facts["driver"] = _driver()
    return facts


def _driver() -> str:
    """Return the version of the GPU's driver; empty if unknown."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return output.stdout.split("\n")[0].strip()


def _size(text: str) -> tuple[int, int]:
    """Return width and height."""
    width, height = (int(side) for side in text.split("x"))
    return width, height


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument(
        "--networks",
        nargs="+",
        default=list(networks.NAMES),
        help=f"of {', '.join(networks.NAMES)}, or as `depth_ros models` has them",
    )
    parser.add_argument("--dtypes", nargs="+", choices=list(DTYPES), default=_DTYPES)
    parser.add_argument("--image", type=_size, default=(640, 480), help="WIDTHxHEIGHT")
    parser.add_argument("--seconds-per-measurement", type=float, default=0.5)
    parser.add_argument(
        "--compile",
        default="small",
        help="network to compile, in the first precision; all; or none",
    )
    parser.add_argument("--budget", type=float, default=215.0, help="seconds")
    parser.add_argument("--live-seconds", type=float, default=8.0, help="of each live run")
    parser.add_argument("--device", default="cuda", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--out", type=Path, default=Path("out/bench/gpu"), help="folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
