"""Does a model load and answer on this machine, and is it what the registry says?"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models.base import DepthModel, ModelEntry, Prediction, Raw, Request
from depth_ros.models.loading import load
from depth_ros.models.preprocessing import Preprocessing

HEIGHT, WIDTH = 480, 640

_NOISE = 1e-4  # relative: what rounding alone makes of a constant


@dataclass(frozen=True)
class Report:
    """What one run of a model on the CPU showed.

    Attributes:
        entry: what the registry says.
        parameters_m: millions of parameters in the checkpoint.
        input_size: height and width of the network's input for the image.
        values: least and greatest finite value of the answer.
        f_px: focal length that the network estimated, in pixels of the image; None for none.
        network_ms: time of the network alone, in its second run.
        differences: where the checkpoint's preprocessing is not the registry's.
    """

    entry: ModelEntry
    parameters_m: float
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
            "input": f"{self.input_size[1]}x{self.input_size[0]} for {WIDTH}x{HEIGHT}",
            "network": f"{self.network_ms:.0f} ms on the CPU",
            "preprocessing": "; ".join(self.differences) or "as the registry says",
        }
        if self.f_px is not None:
            rows["focal length"] = f"{self.f_px:.0f} px, the network's own estimate"
        return "\n".join(f"{name:<13} {value}" for name, value in rows.items())


def check(name: str, weights: str = "") -> Report:
    """Load a model, named as for find, and run one frame through it on the CPU.

    Raises:
        ModelError: it cannot be loaded, or its answer is not a number or the same everywhere.
    """
    model = load(name, weights)
    prompts = None if model.prompt_size is None else _prompt(*model.prompt_size)
    request = Request([Camera.from_fov(WIDTH, HEIGHT, 60.0)], prompts)
    with torch.inference_mode():
        model.infer(_Timed(model.network), _image(), request)  # the first run pays for set-up
        timed = _Timed(model.network)
        prediction = model.infer(timed, _image(), request)
        pixels = model.preprocess(_image())
    return Report(
        entry=model.entry,
        parameters_m=sum(parameter.numel() for parameter in model.network.parameters()) / 1e6,
        input_size=(pixels.shape[-2], pixels.shape[-1]),
        values=_range(name, prediction),
        f_px=None if prediction.f_px is None else float(prediction.f_px[0]),
        network_ms=timed.total_ms,
        differences=_differences(model),
    )


class _Timed:
    """Runs a network on the CPU and adds up the time that it takes, parts included."""

    device = torch.device("cpu")

    def __init__(self, network: nn.Module, whole: _Timed | None = None) -> None:
        self._network, self._whole = network, whole
        self.total_ms = 0.0

    def __call__(self, *inputs: Tensor) -> Raw:
        start_s = time.perf_counter()
        raw: Raw = self._network(*inputs)
        (self._whole or self).total_ms += 1e3 * (time.perf_counter() - start_s)
        return raw

    def part(self, name: str) -> _Timed:
        return _Timed(getattr(self._network, name), self._whole or self)


def _image() -> Tensor:
    """Return uint8 (1, HEIGHT, WIDTH, 3): a room of gradients with a bright box in it."""
    row = torch.linspace(40, 200, HEIGHT)[:, None].expand(HEIGHT, WIDTH)
    column = torch.linspace(0, 55, WIDTH)[None].expand(HEIGHT, WIDTH)
    image = torch.stack([row + column, row, 255 - row], dim=-1)
    image[HEIGHT // 3 : 2 * HEIGHT // 3, WIDTH // 4 : WIDTH // 2] = 250
    return image.to(torch.uint8)[None]


def _prompt(height: int, width: int) -> Tensor:
    """Return metres (1, 1, height, width): a floor, 5 m away at the top and 1 m at the bottom."""
    return torch.linspace(5, 1, height)[None, None, :, None].expand(1, 1, height, width)


def _range(name: str, prediction: Prediction) -> tuple[float, float]:
    values = prediction.values
    # +inf is legal, beyond range; NaN is not.
    finite = values[values.isfinite()]
    if values.isnan().any() or finite.numel() == 0:
        raise ModelError(f"model '{name}' answers with values that are not finite")
    least, greatest = float(finite.min()), float(finite.max())
    if greatest - least <= _NOISE * max(abs(least), abs(greatest)):
        raise ModelError(f"model '{name}' answers {least:g} everywhere, expected values that vary")
    return least, greatest


def _differences(model: DepthModel) -> tuple[str, ...]:
    registered, found = model.entry.preprocessing, model.preprocessing
    if registered is None:
        return ("not in the registry",)
    names = (field.name for field in fields(Preprocessing))
    return tuple(
        f"{name} is {getattr(found, name)}, the registry says {getattr(registered, name)}"
        for name in names
        if not _same(getattr(found, name), getattr(registered, name))
    )


def _same(one: object, other: object) -> bool:
    """Whether two settings are equal; statistics of colours to a 100th of a level."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return all(abs(a - b) < 4e-5 for a, b in zip(one, other, strict=True))
    return one == other
