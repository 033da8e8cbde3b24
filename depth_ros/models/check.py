"""Check that a model loads and runs on this machine, and matches its registry entry."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models.base import DepthModel, Executor, ModelEntry, Prediction, Raw, Request
from depth_ros.models.loading import load
from depth_ros.models.preprocessing import Preprocessing

HEIGHT, WIDTH = 480, 640

_NOISE = 1e-4  # relative spread that rounding alone gives a constant


@dataclass(frozen=True)
class CheckReport:
    """The result of one run of a model on the CPU.

    Attributes:
        entry: of the registry.
        parameters_m: millions of parameters in the checkpoint.
        image_size: height and width of the image.
        input_size: height and width of the network's input for it.
        values: minimum and maximum of the finite output values.
        f_px: focal length that the network estimated, in pixels of the image; None: none.
        network_ms: time of the network only, in its second run.
        differences: between the checkpoint's preprocessing and the registry's.
    """

    entry: ModelEntry
    parameters_m: float
    image_size: tuple[int, int]
    input_size: tuple[int, int]
    values: tuple[float, float]
    f_px: float | None
    network_ms: float
    differences: tuple[str, ...]

    def text(self) -> str:
        """Return the report as aligned lines."""
        entry = self.entry
        unit = " m" if entry.output.value == "metric_depth" else ""
        rows = {
            "model": entry.name,
            "source": entry.source,
            "licence": f"{entry.licence}, commercial use: {'yes' if entry.commercial else 'no'}",
            "parameters": f"{self.parameters_m:.1f} M (registry: {entry.parameters_m:g} M)",
            "output": entry.output.value,
            "values": f"{self.values[0]:.4g} to {self.values[1]:.4g}{unit}",
            "input": f"{_text(self.input_size)} for {_text(self.image_size)}",
            "network": f"{self.network_ms:.0f} ms on the CPU",
            "preprocessing": "; ".join(self.differences) or "as in the registry",
        }
        if self.f_px is not None:
            rows["focal length"] = f"{self.f_px:.0f} px, the network's own estimate"
        return "\n".join(f"{name:<13} {value}" for name, value in rows.items())


def check(
    name: str, weights: str = "", executor: Callable[[DepthModel], Executor] | None = None
) -> CheckReport:
    """Load a model, named as for find, and run one frame through it on the CPU.

    Args:
        name, weights: of the model.
        executor: returns an executor of its network there; None: torch.

    Raises:
        ModelError: it cannot be loaded, or its output is not finite or the same everywhere.
    """
    model = load(name, weights)
    prompts = None if model.prompt_size is None else floor_m(*model.prompt_size)
    height, width = size = model.fixed_size or (HEIGHT, WIDTH)
    request, image = Request([Camera.from_fov(width, height, 60.0)], prompts), room(*size)
    execute = _Network(model.network) if executor is None else executor(model)
    with torch.inference_mode():
        model.infer(execute, image, request)  # the first run includes set-up
        timed = _Timed(execute)
        prediction = model.infer(timed, image, request)
        pixels = model.preprocess(image)
    counted_m = sum(parameter.numel() for parameter in model.network.parameters()) / 1e6
    return CheckReport(
        entry=model.entry,
        parameters_m=model.entry.parameters_m if model.graphs else counted_m,
        image_size=size,
        input_size=(pixels.shape[-2], pixels.shape[-1]),
        values=_range(name, prediction, timed.finite),
        f_px=None if prediction.f_px is None else float(prediction.f_px[0]),
        network_ms=timed.total_ms,
        differences=_differences(model),
    )


class _Network:
    """Runs a torch network on the CPU."""

    device = torch.device("cpu")

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def __call__(self, *inputs: Tensor) -> Raw:
        raw: Raw = self._network(*inputs)
        return raw

    def part(self, name: str) -> _Network:
        return _Network(getattr(self._network, name))


class _Timed:
    """Adds up the time of an executor and its parts, and checks that outputs are finite."""

    def __init__(self, execute: Executor, whole: _Timed | None = None) -> None:
        self._execute, self._whole = execute, whole
        self.total_ms, self.finite = 0.0, True

    @property
    def device(self) -> torch.device:
        return self._execute.device

    def __call__(self, *inputs: Tensor) -> Raw:
        start_s = time.perf_counter()
        raw = self._execute(*inputs)
        whole = self._whole or self
        whole.total_ms += 1e3 * (time.perf_counter() - start_s)
        outputs = raw if isinstance(raw, tuple) else (raw,)
        whole.finite = whole.finite and all(bool(each.isfinite().all()) for each in outputs)
        return raw

    def part(self, name: str) -> _Timed:
        return _Timed(self._execute.part(name), self._whole or self)


def _text(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"


def room(height: int, width: int) -> Tensor:
    """Return an image uint8 (1, height, width, 3): gradients with a bright box."""
    row = torch.linspace(40, 200, height)[:, None].expand(height, width)
    column = torch.linspace(0, 55, width)[None].expand(height, width)
    image = torch.stack([row + column, row, 255 - row], dim=-1)
    image[height // 3 : 2 * height // 3, width // 4 : width // 2] = 250
    return image.to(torch.uint8)[None]


def floor_m(height: int, width: int) -> Tensor:
    """Return metres (1, 1, height, width): a floor, 5 m away at the top and 1 m at the bottom."""
    return torch.linspace(5, 1, height)[None, None, :, None].expand(1, 1, height, width)


def _range(name: str, prediction: Prediction, is_finite: bool) -> tuple[float, float]:
    values = prediction.values
    # Postprocessing may return NaN and +inf, but the network itself must not.
    finite = values[values.isfinite()]
    if not is_finite or finite.numel() == 0:
        raise ModelError(f"model '{name}' returns values that are not finite")
    least, greatest = float(finite.min()), float(finite.max())
    if greatest - least <= _NOISE * max(abs(least), abs(greatest)):
        raise ModelError(f"model '{name}' returns {least:g} everywhere, expected values that vary")
    return least, greatest


def _differences(model: DepthModel) -> tuple[str, ...]:
    registered, found = model.entry.preprocessing, model.preprocessing
    if registered is None:
        return ("not in the registry",)
    names = (field.name for field in fields(Preprocessing))
    return tuple(
        f"{name} is {getattr(found, name)}, the registry has {getattr(registered, name)}"
        for name in names
        if not _same(getattr(found, name), getattr(registered, name))
    )


def _same(one: object, other: object) -> bool:
    """Whether two settings are equal; colour statistics within a 100th of a level."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return all(abs(a - b) < 4e-5 for a, b in zip(one, other, strict=True))
    return one == other
