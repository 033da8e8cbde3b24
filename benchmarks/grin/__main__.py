"""Measure GRIN on rendered drives; uncertainty also on recorded frames.

Run as python -m benchmarks.grin.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from benchmarks.grin import cameras, picture, queries, steps, uncertainty, video
from benchmarks.grin.frames import held_out, recorded, views
from benchmarks.machine import describe

_PARTS = ("steps", "cameras", "uncertainty", "queries", "video", "picture")


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and draw."""
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    facts = describe(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    print(f"{facts['cpu']}, {facts['cores']} cores, load {facts['load']}, on {facts['device']}")
    for part in options.parts or _PARTS:
        print(f"\n{part}\n{_run(part, options)}", flush=True)
    return 0


def _run(part: str, options: argparse.Namespace) -> str:
    model, count = options.model, options.frames
    if part == "steps":
        return steps.table(model, held_out(count))
    if part == "cameras":
        return cameras.table([model, *options.beside], min(count, 40))
    if part == "uncertainty":
        count = min(count, 40)
        seen = recorded(options.data, count) if options.data else list(views(count))
        return uncertainty.table(model, seen, (2, 4, 8), 5)
    if part == "queries":
        return queries.table(model, next(views(1)))
    if part == "video":
        return video.table(model, min(count, 6), 20)
    return picture.draw(model, list(views(4)), options.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grin", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(_PARTS)}")
    parser.add_argument("--model", default="grin-tiny", help="a GRIN: name, folder or hub id")
    parser.add_argument(
        "--beside", nargs="*", default=[], help="more of them, to compare cameras with"
    )
    parser.add_argument("--frames", type=int, default=200, help="at most, in each part")
    parser.add_argument(
        "--data", type=Path, help="folder of RGB-D (rgbd-folder) for uncertainty; default: drives"
    )
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--out", type=Path, default=Path("out/grin.png"), help="picture")
    return parser


if __name__ == "__main__":
    sys.exit(main())
