"""Measure a network that keeps the memory it frees beside one that gives it back, in turn.

Run as python -m benchmarks.heap. Each runs in a process of its own, for malloc is told once.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import machine, network
from benchmarks.timing import Series, Spread, Timer
from depth_ros.runtimes import heap
from depth_ros.runtimes.torch_runtime import TorchRuntime

KEPT, GIVEN_BACK = "memory kept", "memory given back"
_WARM_UP = 2


def _serve(pipe: Connection, keep: bool, side: int) -> None:
    """Run the network whenever asked, and answer with the sum of what it says."""
    if keep:
        heap.keep()
    torch.manual_seed(0)
    run = TorchRuntime(network.build(), "cpu")
    pixels = torch.rand(1, 3, side, side)
    while pipe.recv():
        output = run(pixels)
        assert isinstance(output, torch.Tensor)
        pipe.send(float(output.double().sum()))


def _ask(pipe: Connection) -> float:
    pipe.send(True)
    answer: float = pipe.recv()
    return answer


def measure(side: int, repeats: int) -> dict[str, Series]:
    """Return milliseconds per round, pipes included, of both ways.

    Raises:
        ValueError: they answer differently.
    """
    context, pipes = get_context("spawn"), {}
    for name in (KEPT, GIVEN_BACK):
        pipes[name], theirs = context.Pipe()
        arguments = (theirs, name == KEPT, side)
        context.Process(target=_serve, args=arguments, daemon=True).start()
    kept, given_back = (_ask(pipe) for pipe in pipes.values())
    if not np.isclose(kept, given_back, rtol=1e-5):
        raise ValueError(f"the network says {kept} and {given_back}, expected the same")
    calls = {name: partial(_ask, pipe) for name, pipe in pipes.items()}
    series = Timer(torch.device("cpu"), repeats, _WARM_UP).measure(calls)
    for pipe in pipes.values():
        pipe.send(False)
    return series


def main(arguments: list[str] | None = None) -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.heap", description=__doc__)
    parser.add_argument("--side", type=int, default=network.SIDE, help="of the network's input")
    parser.add_argument("--repeats", type=int, default=10, help="rounds, two of warm-up aside")
    parser.add_argument("--out", type=Path, default=Path("out/bench/heap.json"))
    options = parser.parse_args(arguments)
    series = measure(options.side, options.repeats)
    ratio = Spread.of(series[GIVEN_BACK] / series[KEPT])
    print(f"{network.NAME}, {options.side}x{options.side}, on the CPU")
    for name, each in series.items():
        spread = Spread.of(each)
        print(f"{name:<20}{spread.median:>9.1f} ms [{spread.low:.1f}, {spread.high:.1f}]")
    print(f"given back / kept   {ratio.median:>9.3f} [{ratio.low:.3f}, {ratio.high:.3f}]")
    content: dict[str, Any] = {
        "machine": machine.describe(torch.device("cpu")),
        "frame_ms": {name: Spread.of(each)._asdict() for name, each in series.items()},
        "given back / kept": ratio._asdict(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(content, indent=2) + "\n")
    print(f"numbers: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
