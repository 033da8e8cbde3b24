"""Errors of each network, measured on true depth by python -m benchmarks.uncertainty.

Images: NYU Depth V2's test split, a 7-Scenes kitchen and a Replica office. Every second image was
left out of the fit. grin-tiny with --samples 3 --most 16.
"""

from __future__ import annotations

from depth_ros.geometry.uncertainty import ErrorModel

MEASURED: dict[str, ErrorModel] = {
    "zoedepth-lite": ErrorModel(base=0.15, per_m=0.0, edge=0.699, scale=0.222),
    "zoedepth-tiny": ErrorModel(base=0.327, per_m=0.078, edge=0.211, scale=0.406),
    "grin-tiny": ErrorModel(base=0.407, per_m=0.06, edge=0.001, scale=0.365, spread=3.698),
}
"""Error models by model name."""


def error_model(name: str) -> ErrorModel:
    """Return a model's errors; if it was not measured, those of zoedepth-lite."""
    return MEASURED.get(name, MEASURED["zoedepth-lite"])
