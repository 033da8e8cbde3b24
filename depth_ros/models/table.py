"""The known models as a table for people to read."""

from __future__ import annotations

from collections.abc import Iterable

from depth_ros.models.base import ModelEntry
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.registry import MODELS
from depth_ros.models.speed import FRAME_MS, Device

_COLUMNS = (
    "model",
    "for",
    "output",
    "range",
    "focal length of training",
    "input",
    "parameters",
    "memory",
    "CPU",
    "GPU",
    "fp16",
    "licence",
    "commercial use",
    "note",
)


_NEAR = {
    "minimal": "about",
    "lower_bound": "at least",
    "upper_bound": "at most",
    "area": "as many pixels as",
}
_BYTES = 4  # of a weight in float32


def table(entries: Iterable[ModelEntry] | None = None) -> str:
    """Return a Markdown table of the given models; None: of all known models."""
    entries = MODELS.values() if entries is None else entries
    rows = [_COLUMNS, ("---",) * len(_COLUMNS), *map(_row, entries)]
    head, rule, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, rule.replace(" ", ""), *body])


def _row(entry: ModelEntry) -> tuple[str, ...]:
    camera = entry.training_camera
    return (
        entry.name,
        entry.place,
        entry.output.value,
        f"{entry.max_depth_m:g} m" if entry.max_depth_m else "-",
        f"{camera.f_px:.0f} px at {camera.width}" if camera else "-",
        _input(entry.preprocessing),
        f"{entry.parameters_m:g} M" if entry.parameters_m else "-",
        memory(entry),
        frame_ms(entry, "cpu"),
        frame_ms(entry, "cuda"),
        "yes" if entry.half_safe else "no",
        entry.licence,
        "yes" if entry.commercial else "no",
        entry.note,
    )


def memory(entry: ModelEntry) -> str:
    """Return the memory of a model's weights in float32; -: unknown."""
    return f"{entry.parameters_m * _BYTES / 1e3:.2g} GB" if entry.parameters_m else "-"


def frame_ms(entry: ModelEntry, device: Device) -> str:
    """Return the time of a whole frame on a device; -: not measured."""
    measured = FRAME_MS[device].get(entry.name)
    return "-" if measured is None else f"{measured:g} ms"


def _input(preprocessing: Preprocessing | None) -> str:
    """Return the input size, width x height, and the multiple of its sides."""
    if preprocessing is None:
        return "-"
    if preprocessing.resize == "none" or preprocessing.fit == "floor":
        return f"the image's, x{preprocessing.multiple}"
    size = f"{preprocessing.width}x{preprocessing.height}"
    if preprocessing.fit == "warp":
        return size
    near = _NEAR[preprocessing.fit]
    return f"{near} {size}, x{preprocessing.multiple}"
