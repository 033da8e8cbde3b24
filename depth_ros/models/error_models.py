"""How wrong each network is, as measured on true depth: python -m benchmarks.uncertainty."""

from __future__ import annotations

from depth_ros.geometry.uncertainty import ErrorModel

MEASURED: dict[str, ErrorModel] = {
    "zoedepth-lite": ErrorModel(base=0.151, per_m=0.0, edge=0.747, scale=0.221),
    "zoedepth-tiny": ErrorModel(base=0.2, per_m=0.02, edge=0.3, scale=0.4),
    "grin-tiny": ErrorModel(base=0.2, per_m=0.02, edge=0.3, scale=0.4),
}
"""By the names of models; of NYU Depth V2's test images, every second one of which was left out of
the fit and agrees with it."""


def error_model(name: str) -> ErrorModel:
    """Return a model's errors; of one that was not measured those of zoedepth-lite."""
    return MEASURED.get(name, MEASURED["zoedepth-lite"])
