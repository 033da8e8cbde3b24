"""Find the best memory layout, attention kernel and TF32 setting of a network on a device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import torch

from benchmarks.gpu import checks, networks
from benchmarks.gpu.alone import CAPTURED, EAGER, Alone
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.frames import picture
from benchmarks.gpu.results import LAYOUT, Key
from benchmarks.gpu.timing import Call
from depth_ros.models import DepthModel
from depth_ros.models.base import Request
from depth_ros.pipeline import Frame
from depth_ros.runtimes.torch_runtime import DTYPES
from depth_ros.runtimes.variant import KERNELS, LAYOUTS, attention

NETWORKS = ("small", "zoedepth")


def run(bench: Bench, name: str, dtype: str, size: tuple[int, int]) -> None:
    """Measure a network in both layouts, with every attention kernel, and with and without TF32.

    Args:
        bench: the run.
        name: of the network.
        dtype: its precision, except with TF32.
        size: width and height of the image.
    """
    model = bench.attempt(f"{LAYOUT} {name}", lambda: networks.build(name, bench.device.place))
    if model is None:
        return
    frame = picture(*size)
    for setup in _setups(dtype):
        for way in (CAPTURED, EAGER):
            key = Key(LAYOUT, name, setup.dtype, f"{setup.label}, {way}", f"{size[0]}x{size[1]}")
            step = partial(_time, bench, model, frame, key, setup)
            done = bench.attempt(" ".join(key.text().split()), step)
            if done and not setup.both:
                break


class _Setup(NamedTuple):
    """A configuration to try.

    Attributes:
        label, dtype: its name and precision.
        held: returns the context to run it in.
        layout: of the weights.
        both: whether it is also timed eagerly if it can be captured.
    """

    label: str
    dtype: str
    held: Callable[[], AbstractContextManager[Any]] = nullcontext
    layout: torch.memory_format = torch.contiguous_format
    both: bool = False


def _setups(dtype: str) -> list[_Setup]:
    setups = [_Setup(label, dtype, layout=layout, both=True) for label, layout in LAYOUTS.items()]
    setups += [
        _Setup(f"attention {label}", dtype, partial(attention, label, strict=True))
        for label in KERNELS
    ]
    tf32 = {"off": False, "on": True}
    return setups + [
        _Setup(f"TF32 {label}", "float32", partial(_tf32, allowed))
        for label, allowed in tf32.items()
    ]


def _time(bench: Bench, model: DepthModel, frame: Frame, key: Key, setup: _Setup) -> bool:
    """Time a network in a setup, and return True."""
    device = bench.device
    network: Any = model.network
    network.to(device.place, DTYPES[key.dtype]).to(memory_format=setup.layout)
    rgb = torch.from_numpy(frame.rgb)[None].to(device.place)
    with setup.held():
        alone = Alone(model, device, rgb, Request([frame.camera]))
        work = alone.work(key.way.rpartition(", ")[2])
        remark = checks.check_outputs(key.way, work(), alone.work(EAGER)(), key.dtype)
        bench.remark(" ".join(key.text().split()), remark)
        bench.time(key, Call(work))
    return True


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    """Enable or disable TF32 for float32 matrix products and convolutions."""
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions
