"""Measure a network alone on the CPU, with one optimisation after another.

Run as python -m benchmarks.cpu. Each way has its own process, because malloc is configured once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks import machine, sizes
from benchmarks.command import in_one_line
from benchmarks.example import HEIGHT, WIDTH
from benchmarks.mismatch import MismatchError
from benchmarks.timing import Series, Spread, Timer
from depth_ros import runtimes
from depth_ros.errors import ModelError
from depth_ros.runtimes import heap
from depth_ros.runtimes.torch_runtime import TorchRuntime

Run = Callable[[Tensor], object]

TOLERANCE = 0.01
"""Maximum relative difference of the ways' mean depth; bfloat16 has less than three digits."""
_WARM_UP = 2


def _plain(size: sizes.Size) -> Run:
    return torch.inference_mode()(size.model.network.eval())


def _kept(size: sizes.Size) -> Run:
    heap.keep_freed_memory()
    return _plain(size)


def _ours(size: sizes.Size, dtype: str = "float32", compiled: bool = False) -> Run:
    heap.keep_freed_memory()
    return TorchRuntime(size.model.network, "cpu", dtype, compiled)


def _onnx(size: sizes.Size) -> Run:
    heap.keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        model = size.exported(WIDTH, HEIGHT, Path(folder))
        return runtimes.create("auto", model.network, "cpu", "float32", model.graphs)


AS_IT_COMES = "torch as it comes"
WAYS: dict[str, Callable[[sizes.Size], Run]] = {
    AS_IT_COMES: _plain,
    "memory kept": _kept,
    "and channels last: depth_ros": _ours,
    "and compiled: compile:=true": partial(_ours, compiled=True),
    "dtype:=bfloat16": partial(_ours, dtype="bfloat16"),
    "ONNX Runtime, exported": _onnx,
}
"""The optimisations of a way."""


def _serve(pipe: Connection, way: str, network: str) -> None:
    """Run the network on request, and reply with its mean depth."""
    torch.manual_seed(0)
    size = sizes.SIZES[network]()
    pixels = size.model.preprocess(torch.zeros(1, HEIGHT, WIDTH, 3, dtype=torch.uint8))
    run = WAYS[way](size)
    while pipe.recv():
        output = run(pixels)
        assert isinstance(output, Tensor)
        pipe.send(float(output.double().mean()))


def _ask(pipe: Connection) -> float:
    try:
        pipe.send(True)
        answer: float = pipe.recv()
    except (EOFError, BrokenPipeError) as error:
        raise ModelError("a way failed, see above") from error
    return answer


def measure(network: str, ways: list[str], repeats: int) -> dict[str, Series]:
    """Return milliseconds per round of each way, including about 0.1 ms of the pipe.

    Raises:
        MismatchError: their results differ.
    """
    with _served(network, ways) as calls:
        answers = {way: call() for way, call in calls.items()}
        if not np.allclose(list(answers.values()), answers[ways[0]], rtol=TOLERANCE):
            raise MismatchError(f"the network's mean depth is {answers}, expected the same")
        return Timer(torch.device("cpu"), repeats, _WARM_UP).measure(calls)


@contextmanager
def _served(network: str, ways: list[str]) -> Iterator[dict[str, Callable[[], float]]]:
    """Run each way in a process of its own until the end of the block; return how to ask each."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.sizes"])  # imports of seconds: once for all
    with ExitStack() as stack:
        calls: dict[str, Callable[[], float]] = {}
        for way in ways:
            pipe, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, way, network), daemon=True)
            process.start()
            theirs.close()
            stack.callback(process.join)
            stack.callback(_dismiss, pipe)
            calls[way] = partial(_ask, pipe)
        yield calls


def _dismiss(pipe: Connection) -> None:
    with suppress(BrokenPipeError):  # its way failed
        pipe.send(False)


def table(series: dict[str, Series]) -> str:
    """Return the ways' milliseconds, and their speed relative to the first one."""
    first = next(iter(series.values()))
    lines = [f"{'milliseconds: median [quartiles]':<34}{'frame':>26}{'first / it':>26}"]
    for way, each in series.items():
        time, ratio = Spread.of(each), Spread.of(first / each)
        lines.append(
            f"{way:<34}{f'{time.median:.1f} [{time.low:.1f}, {time.high:.1f}]':>26}"
            f"{f'{ratio.median:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]':>26}"
        )
    return "\n".join(lines)


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cpu", description=__doc__)
    parser.add_argument("--network", choices=list(sizes.SIZES), default="small")
    parser.add_argument("--repeats", type=int, default=10, help="rounds, two of warm-up aside")
    parser.add_argument("--out", type=Path, default=Path("out/bench/cpu.json"))
    options = parser.parse_args(arguments)
    series = measure(options.network, list(WAYS), options.repeats)
    print(f"{options.network}, {WIDTH}x{HEIGHT} in, on the CPU")
    print(table(series))
    content = {
        "machine": machine.describe(torch.device("cpu")),
        "frame_ms": {way: Spread.of(each)._asdict() for way, each in series.items()},
    }
    machine.save(content, options.out)
    print(f"numbers: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
