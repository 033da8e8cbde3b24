"""`depth_ros models NAME --check`: the report of one frame through a model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from depth_ros import models
from depth_ros.errors import ModelError
from depth_ros.models.check import HEIGHT, WIDTH
from depth_ros.models.transformers_model import TransformersModel
from test.models.checkpoints import FAMILIES, build


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_passes(family: str, built: Callable[[str], Path]) -> None:
    report = models.check(str(built(family)))
    assert report.values[0] < report.values[1]
    assert report.network_ms > 0
    assert (report.f_px is not None) == (family == "depth-pro")
    assert report.differences == ("not in the registry",)
    text = report.text()
    assert f"for {WIDTH}x{HEIGHT}" in text
    assert "unknown, commercial use: no" in text


def test_the_embedded_weights_match_the_registry() -> None:
    report = models.check("zoedepth-tiny")
    assert report.differences == ()
    assert report.input_size == (96, 128)
    assert "preprocessing as in the registry" in report.text()
    assert "3.3 M (registry: 3.3 M)" in report.text()


def test_other_preprocessing_than_the_registrys_is_named(built: Callable[[str], Path]) -> None:
    report = models.check("dpt-dinov2-small-nyu", str(built("dpt-dinov2")))
    assert report.differences == (), "statistics in levels and in shares are the same"
    report = models.check("dpt-beit-base-384", str(built("dpt-beit")))
    assert report.differences == (
        "height is 64, the registry has 384",
        "width is 64, the registry has 384",
    )


def test_an_answer_that_is_not_a_number_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(build("depth-anything", tmp_path))
    monkeypatch.setattr(
        TransformersModel, "preprocess", lambda *_: torch.full((1, 3, 56, 70), torch.nan)
    )
    with pytest.raises(ModelError, match="not finite"):
        models.check(folder)


def test_the_same_answer_everywhere_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    build("depth-anything", tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["head.conv3.weight"].zero_()
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="everywhere, expected values that vary"):
        models.check(str(tmp_path))


def test_a_checkpoint_that_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "depth_anything"}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        models.check(str(tmp_path))
