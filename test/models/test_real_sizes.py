"""Networks of their real sizes with random weights, minutes each: `pytest -m real_size`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from depth_ros import models
from test.models import published
from test.models.depth_anything_3 import upstream as depth_anything_3
from test.models.moge import upstream as moge

pytestmark = pytest.mark.real_size

_LARGEST_M = 1200
"""Millions of parameters: that many, a copy of them and one frame fit into 20 GB."""


def build(name: str, folder: Path) -> Path:
    """Write a random checkpoint of a model's published configuration, and return the folder."""
    if name.startswith("moge"):
        config = moge.config(normal=name.endswith("normal"))
        held = {"model_config": config, "model": moge.weights(config, 1024, 24)}
        torch.save(held, folder / "model.pt")
        return folder
    if name.startswith("depth-anything-3"):
        kind = "da3metric-large" if "metric" in name else "da3mono-large"
        layers = (4, 11, 17, 23)
        return depth_anything_3.build(folder, depth_anything_3.shapes(), layers, kind)
    return published.build(name, folder, narrow=False)


NAMES = (
    *(f"moge-2-{size}" for size in ("large", "large-normal")),
    *(f"depth-anything-3-{kind}-large" for kind in ("metric", "mono")),
    *published.NAMES,
)


@pytest.mark.parametrize("name", NAMES)
def test_the_real_network_passes_its_check(name: str, tmp_path: Path) -> None:
    entry = models.MODELS[name]
    if entry.parameters_m > _LARGEST_M:
        pytest.skip("it does not fit")
    report = models.check(name, str(build(name, tmp_path)))
    assert report.differences == ()
    spare_m = 5.5 if name == "moge-2-large-normal" else 1.0  # its head for normals is left out
    assert report.parameters_m == pytest.approx(entry.parameters_m, abs=spare_m)
