"""The fastest variant of a network on a GPU: measured on the first input, then remembered."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from depth_ros.input_files import regular
from depth_ros.runtimes import user_cache
from depth_ros.runtimes.capture import CAPTURING, CaptureDevice
from depth_ros.runtimes.closeness import SHARE, close_share
from depth_ros.runtimes.variant import KERNELS, LAYOUTS, Variant, attention, layout_of

Inputs = tuple[Tensor, ...]

_RUNS = 5
_GAIN = 0.03
"""Gain below which the earlier variant is kept: such differences change from run to run."""


class Choice(NamedTuple):
    """A variant, and what was measured.

    Attributes:
        variant: the fastest.
        times_ms: milliseconds of a run, by the variants' texts.
    """

    variant: Variant
    times_ms: Mapping[str, float]


class Tuner:
    """Runs each network as it is fastest on one device.

    The first call of a network measures: first the layouts of its weights, then, in the fastest
    layout, the attention kernels. The choice is kept in the user's cache for each network,
    precision, device, version of torch and shape of inputs.

    Args:
        device: where the networks run; it measures the time.
        dtype: their precision, by name.
        inform: told what was chosen, and the times.
        layouts, kernels: names of the variants to try, in LAYOUTS and KERNELS.
    """

    def __init__(
        self,
        device: CaptureDevice,
        dtype: str,
        inform: Callable[[str], object],
        layouts: tuple[str, ...] = tuple(LAYOUTS),
        kernels: tuple[str, ...] = tuple(KERNELS),
    ) -> None:
        self._device, self._dtype, self._inform = device, dtype, inform
        self._layouts, self._kernels = layouts, kernels
        self._chosen: WeakKeyDictionary[nn.Module, Variant] = WeakKeyDictionary()

    def running(self, network: nn.Module, inputs: Inputs) -> AbstractContextManager[None]:
        """Return a context to call a network in; before its first call, find its variant."""
        # While another thread captures, nothing can be measured. No graph holds the network yet:
        # who captures it has the lock.
        if network not in self._chosen and CAPTURING.acquire(blocking=False):
            try:
                with self._device.lock, self._device.on_side_stream():
                    self._choose(network, inputs)
            finally:
                CAPTURING.release()
        return attention(self._chosen.get(network, Variant()).attention)

    def _choose(self, network: nn.Module, inputs: Inputs) -> None:
        if network in self._chosen:  # by another thread in the meantime
            return
        path = self._path(network, inputs)
        choice = _read(path)
        if choice is None:
            choice = self._measured(network, inputs)
            _write(path, choice)
        self._device.synchronize()  # it may still read the weights
        with torch.inference_mode(False):
            network.to(memory_format=LAYOUTS[choice.variant.layout])  # type: ignore[call-overload]
        self._chosen[network] = choice.variant
        times = ", ".join(f"{text} {ms:.2f} ms" for text, ms in choice.times_ms.items())
        self._inform(
            f"the network runs with {choice.variant.text()} in {self._dtype} on "
            f"{self._device.name}: {times}"
        )

    def _measured(self, network: nn.Module, inputs: Inputs) -> Choice:
        trial = _Trial(self._device, network, inputs, self._dtype)
        best = trial.first
        for layout in self._layouts:
            best = trial.faster(best, best._replace(layout=layout))
        for kernel in self._kernels if trial.attends else ():
            best = trial.faster(best, best._replace(attention=kernel))
        return Choice(best, {variant.text(): ms for variant, ms in trial.times_ms.items()})

    def _path(self, network: nn.Module, inputs: Inputs) -> Path:
        """Return the file of a choice; its name is made of all that the choice depends on."""
        facts = [
            *(f"{name} {tuple(each.shape)}" for name, each in network.named_parameters()),
            *(f"input {tuple(each.shape)}" for each in inputs),
            *(self._dtype, self._device.name, torch.__version__),
            *(layout_of(network), *self._layouts, *self._kernels),
        ]
        name = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]
        return user_cache.folder("tuning") / f"{name}.json"


class _Trial:
    """Runs variants of a network on one input, without changing its weights.

    Attributes:
        first: the variant as the network is.
        attends: whether the network uses scaled_dot_product_attention.
        times_ms: of the variants that gave the first one's values.
    """

    def __init__(
        self, device: CaptureDevice, network: nn.Module, inputs: Inputs, dtype: str
    ) -> None:
        self._device, self._network, self._inputs, self._dtype = device, network, inputs, dtype
        self.first = Variant(layout_of(network))
        with _Attends() as seen:
            self._expected = _outputs(network(*inputs))
        self.attends = seen.found
        self._time_ms(self.first)  # the clocks of an idle GPU are low, and rise with load
        self.times_ms = {self.first: self._time_ms(self.first)}

    def faster(self, best: Variant, other: Variant) -> Variant:
        """Return another variant if it is right and faster than the best one, else the best."""
        if other in self.times_ms:
            return best
        try:
            ms = self._time_ms(other)
        except Exception:  # the device has no such kernel, or too little memory: no common type
            return best
        self.times_ms[other] = ms
        return other if ms < (1 - _GAIN) * self.times_ms[best] else best

    def _time_ms(self, variant: Variant) -> float:
        """Return the median time of a run, captured if that is possible.

        Raises:
            Exception: the variant cannot run here.
            ValueError: it gives other values.
        """
        layout: Any = LAYOUTS[variant.layout]
        weights = {
            name: each.to(memory_format=layout) if each.ndim == 4 else each
            for name, each in self._network.named_parameters()
        }

        def run() -> tuple[Inputs, None]:
            return _outputs(functional_call(self._network, weights, self._inputs)), None

        with attention(variant.attention, strict=True):
            self._check(run()[0])
            return _median_ms(self._device, run)

    def _check(self, found: Inputs) -> None:
        for one, other in zip(found, self._expected, strict=True):
            if close_share(one.float(), other.float(), self._dtype) < SHARE:
                raise ValueError("other values than the first variant's")


class _Attends(TorchFunctionMode):
    """Notes in `found` whether attention is computed inside of it."""

    found = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.found = self.found or func is functional.scaled_dot_product_attention
        return func(*args, **(kwargs or {}))


def _median_ms(device: CaptureDevice, run: Callable[[], tuple[Inputs, None]]) -> float:
    """Return the time of a run as a captured graph; if it cannot be captured, of the run itself."""
    graph, timed = device.graph(), run
    try:
        with suppress(Exception):  # libraries have no common error type for this
            with device.check():
                run()
            graph.capture(run)
            timed = graph.replay  # type: ignore[assignment]
        return statistics.median(device.elapsed_ms(timed) for _ in range(_RUNS))
    finally:
        with suppress(RuntimeError):  # there may be nothing to free
            graph.reset()


def _outputs(raw: Tensor | Inputs) -> Inputs:
    return raw if isinstance(raw, tuple) else (raw,)


def _read(path: Path) -> Choice | None:
    """Return a kept choice; None: there is none, or it is damaged."""
    try:
        kept = json.loads(regular(path).read_text(encoding="utf-8"))
        variant = Variant(kept["layout"], kept["attention"])
        times_ms = {str(text): float(ms) for text, ms in kept["times_ms"].items()}
        known = variant.layout in LAYOUTS and variant.attention in ("", *KERNELS)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return Choice(variant, times_ms) if known else None


def _write(path: Path, choice: Choice) -> None:
    """Keep a choice; without a writable cache, the next start measures again."""
    content = {**choice.variant._asdict(), "times_ms": dict(choice.times_ms)}
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
