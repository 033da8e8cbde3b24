"""Measure a 640x480 frame: everything but the network, compared with it and the obvious way."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.command import in_one_line


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Check, measure and report; the exit code is 0 even if targets are missed."""
    options = _parser().parse_args(arguments)
    _run(options)
    return 0


def _run(options: argparse.Namespace) -> None:
    from benchmarks import picture
    from benchmarks.run import run
    from depth_ros.evaluation.picture import save

    rounds, warm_up = (2, 1) if options.quick else (options.repeats, 3)
    report = run(options.model, options.device, rounds, warm_up)
    print(report.table())
    report.save(options.out / "bench.json")
    save(picture.draw(report), options.out / "bench.png")
    print(f"\nnumbers: {options.out / 'bench.json'}   picture: {options.out / 'bench.png'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--model", default="zoedepth-tiny", help="a ZoeDepth: name, folder, hub id")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--repeats", type=int, default=30, help="rounds, three of warm-up aside")
    parser.add_argument("--quick", action="store_true", help="two rounds, to see that it works")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of the results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
