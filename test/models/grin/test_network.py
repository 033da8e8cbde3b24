"""Checkpoints of GRIN: written checkpoints are read back, and others are refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from depth_ros import models
from depth_ros.errors import ModelError
from depth_ros.models.grin import config as sizes
from depth_ros.models.grin.config import GrinConfig
from depth_ros.models.grin.network import Grin
from depth_ros.models.own_checkpoint import WEIGHTS
from test.models.grin import small


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small.network().save_pretrained(tmp_path / "grin")
    return tmp_path / "grin"


def say(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_checkpoint_comes_back_rounded_to_float16(folder: Path) -> None:
    written, read = small.network(), Grin.from_pretrained(folder)
    assert read.config == written.config == small.CONFIG
    before, after = written.state_dict(), read.state_dict()
    assert before.keys() == after.keys()
    for name, value in before.items():
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(after[name], expected), name
        assert after[name].dtype == value.dtype


def test_a_checkpoint_is_small_and_states_its_type(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"config.json", WEIGHTS}
    weights = load_file(folder / WEIGHTS)
    floating = {value.dtype for value in weights.values() if value.is_floating_point()}
    assert floating == {torch.float16}
    assert json.loads((folder / "config.json").read_text())["model_type"] == "grin"


def test_what_a_checkpoint_was_calibrated_to_comes_back(tmp_path: Path) -> None:
    small.network(spread_gain=2.5, d_max_m=30.0, rays=False).save_pretrained(tmp_path)
    read = Grin.from_pretrained(tmp_path).config
    assert (read.spread_gain, read.d_max_m, read.rays) == (2.5, 30.0, False)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"depths": 3}, r"type 'grin' with unknown fields \['depths'\]"),
        ({"model_type": "zoedepth"}, "type 'zoedepth'"),
    ],
)
def test_a_config_of_something_else_is_refused(
    folder: Path, changes: dict[str, Any], named: str
) -> None:
    say(folder, **changes)
    with pytest.raises(ModelError, match=named):
        Grin.from_pretrained(folder)


def test_a_config_without_a_type_is_refused() -> None:
    with pytest.raises(ModelError, match="type 'None'"):
        GrinConfig.from_dict({"height": 3})


def test_weights_of_another_size_are_refused(folder: Path) -> None:
    say(folder, latents=9)
    with pytest.raises(ModelError, match=r"(?s)do not fit its config\.json.*first_latents"):
        Grin.from_pretrained(folder)


@pytest.mark.parametrize("change", ["less", "more"])
def test_weights_that_are_missing_or_unknown_are_refused(folder: Path, change: str) -> None:
    weights = load_file(folder / WEIGHTS)
    head = weights.pop("denoiser.head.weight")
    if change == "more":
        weights |= {"denoiser.head.weight": head, "denoiser.tail.weight": head.clone()}
    save_file(weights, folder / WEIGHTS, {"format": "pt"})
    with pytest.raises(ModelError, match="do not fit"):
        Grin.from_pretrained(folder)


def test_an_error_in_a_folder_is_named(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(ModelError, match=f"cannot be loaded from {folder}"):
        models.load(str(folder))
    (folder / WEIGHTS).unlink()
    with pytest.raises(ModelError, match=f"cannot be loaded from {folder}"):
        models.load(str(folder))
    say(folder, model_type="grin", size=3)
    with pytest.raises(ModelError, match="unknown fields"):
        models.find(str(folder))


@pytest.mark.parametrize("name", sizes.CONFIGS)
def test_the_sizes_with_a_name_fit_themselves(name: str) -> None:
    config = sizes.CONFIGS[name]
    for dim in (config.latent_dim, config.token_dim):
        assert dim % config.heads == 0
    assert config.multiple % config.cell == config.multiple % config.map_stride == 0
    assert config.height % config.multiple == config.width % config.multiple == 0
    assert 0 < config.d_min_m < config.d_max_m
    with torch.device("meta"):
        network = Grin(config)
    maps = network.encoder.backbone(torch.zeros(1, 3, 256, 256, device="meta")).feature_maps
    assert 256 // maps[-1].shape[-1] == config.multiple


@pytest.mark.parametrize("time", [0.0, -1.0, 1.5, float("nan")])
def test_a_frame_cannot_be_carried_on_from_without_noise(time: float) -> None:
    with pytest.raises(ModelError, match=r"carry_noise is .*, expected"):
        replace(small.CONFIG, carry_noise=time)


@pytest.mark.parametrize(("name", "parameters_m"), [("tiny", 5.3), ("small", 55), ("base", 378)])
def test_every_size_can_be_built(name: str, parameters_m: float) -> None:
    with torch.device("meta"):
        network = Grin(sizes.CONFIGS[f"grin-{name}"])
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count / 1e6 == pytest.approx(parameters_m, rel=0.01)
