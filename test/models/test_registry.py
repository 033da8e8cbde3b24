"""Models by name."""

import json
from pathlib import Path

import pytest

from depth_ros import models
from depth_ros.errors import ModelError


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"'zoedepth' is unknown.*zoedepth-tiny.*zoedepth-nyu"):
        models.find("zoedepth")


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json"):
        models.load(str(tmp_path))


def test_a_checkpoint_of_another_family_is_refused_by_its_type(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match=r"'bert'.*expected one of"):
        models.load(str(tmp_path))


def test_a_hub_id_that_cannot_be_reached_is_a_model_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="nobody/nothing"):
        models.load("nobody/nothing")


def test_every_entry_says_what_a_user_must_know() -> None:
    for entry in models.MODELS.values():
        assert entry.licence
        assert entry.note
        assert entry.parameters_m > 0
        assert entry.max_depth_m > 0


def test_the_embedded_weights_are_as_their_entry_says() -> None:
    entry = models.MODELS["zoedepth-tiny"]
    model = models.load("zoedepth-tiny")
    count = sum(parameter.numel() for parameter in model.network.parameters())
    assert count / 1e6 == pytest.approx(entry.parameters_m, abs=0.05)
    assert model.max_depth_m == entry.max_depth_m
    assert model.training_f_px is not None


def test_the_embedded_weights_are_small_and_no_pickle() -> None:
    files = [path for path in models.WEIGHTS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 12e6
    assert {path.suffix for path in files} <= {".json", ".safetensors"}
