"""The recipe of GRIN: from what it starts, that it repeats itself, and its verb."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, Swinv2Model

from depth_ros import cli, models
from depth_ros.errors import ModelError
from depth_ros.models.grin import config as sizes
from depth_ros.models.grin.network import Grin
from depth_ros.models.lite.encoder import EfficientNetLite0
from depth_ros.models.own_checkpoint import WEIGHTS
from depth_ros.training import frames, grin
from depth_ros.training.denoising import Denoising
from depth_ros.training.frames import Frames
from depth_ros.training.grin import Start
from depth_ros.training.scenes import Robot
from depth_ros.training.train import TRAINING, TrainConfig, Trainer
from test.evaluation.datasets.test_datasets import write_bag, write_folder
from test.models.checkpoints import build
from test.models.grin import small

pytestmark = pytest.mark.slow

CONFIG = replace(small.CONFIG, width=96, height=64, blocks=1)
OBJECTIVE = Denoising(pixels=16)
State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_POOL_FRAMES", 8)


@pytest.fixture
def gain(monkeypatch: pytest.MonkeyPatch) -> float:
    """Calibrates without work."""
    monkeypatch.setattr(grin, "spread_gain", lambda *_: 1.25)
    return 1.25


def train(
    out: Path, steps: int = 4, start: Start | None = None, seed: int = 0
) -> tuple[State, dict[str, Any]]:
    """Train, and return weights and configuration."""
    config = TrainConfig(steps=steps, batch=2, fresh=2, checkpoint_every=2, seed=seed)
    drawn: Frames = grin.rendered(CONFIG, config, Robot(), labels=0.5)
    start, said = start or Start(), {"about": "frames"}
    grin.train(out, "cpu", CONFIG, start, config, OBJECTIVE, drawn, said)
    return load_file(out / WEIGHTS), json.loads((out / "config.json").read_text())


def same(one: State, other: State) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


def rounded(network: nn.Module) -> State:
    state = network.state_dict()
    return {n: v.half() if v.is_floating_point() else v for n, v in state.items()}


def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tmp_path / "whole")
    advance = Trainer._advance

    def stop(trainer: Trainer[Any], *batch: Any) -> torch.Tensor:
        if trainer.step == 3:
            raise KeyboardInterrupt
        return advance(trainer, *batch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_advance", stop)
        train(tmp_path / "broken")
    assert not (tmp_path / "broken" / WEIGHTS).exists()
    broken = train(tmp_path / "broken")
    assert same(broken[0], whole[0])
    assert broken[1] == whole[1]
    assert whole[1]["spread_gain"] != small.CONFIG.spread_gain


@pytest.mark.usefixtures("gain")
def test_a_run_changes_the_weights_and_another_seed_otherwise(tmp_path: Path) -> None:
    start, _ = train(tmp_path / "start", steps=0)
    one, _ = train(tmp_path / "one", steps=2)
    other, _ = train(tmp_path / "other", steps=2, seed=1)
    assert not same(start, one)
    assert not same(one, other)


def test_what_was_trained_is_loaded_with_what_it_was_calibrated_to(
    tmp_path: Path, gain: float
) -> None:
    train(tmp_path, steps=1)
    network = models.load(str(tmp_path)).network
    assert isinstance(network, Grin)
    assert network.config == replace(CONFIG, spread_gain=gain)


@pytest.mark.usefixtures("gain")
def test_what_a_run_depends_on_is_saved_beside_the_weights(tmp_path: Path) -> None:
    train(tmp_path, steps=0)
    said = json.loads((tmp_path / TRAINING).read_text())
    assert said["objective"] == {"pixels": 16, "levels": 2, "self_conditioning": 0.5}
    assert said["start"] == {"init": None, "backbone_only": False}
    assert (said["steps"], said["about"]) == (0, "frames")


@pytest.mark.usefixtures("gain")
def test_a_run_may_start_from_another_grin(tmp_path: Path) -> None:
    network = small.network(seed=7, blocks=1)
    network.save_pretrained(tmp_path / "init")
    found, said = train(tmp_path / "out", steps=0, start=Start(str(tmp_path / "init")))
    assert same(found, rounded(network))
    assert said["width"] == CONFIG.width


def backbone_of(config: sizes.GrinConfig, init: str) -> tuple[Grin, State]:
    """A network that starts from a backbone alone, and its state before."""
    network = Grin(config)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    grin._start_from(network, init, backbone_only=True)
    return network, before


def assert_only_the_backbone(network: Grin, before: State, expected: State) -> None:
    assert same(network.encoder.backbone.state_dict(), expected)
    for name, value in network.state_dict().items():
        if "backbone." not in name:
            assert torch.equal(value, before[name]), name


def test_of_the_embedded_zoedepth_the_backbone_alone_is_taken() -> None:
    network, before = backbone_of(sizes.TINY, "zoedepth-tiny")
    zoedepth = models.load("zoedepth-tiny").network.get_submodule("network.backbone")
    assert_only_the_backbone(network, before, zoedepth.state_dict())


def test_of_another_grin_the_backbone_alone_may_be_taken(tmp_path: Path) -> None:
    other = small.network(seed=7, latents=3)
    other.save_pretrained(tmp_path)
    network, before = backbone_of(CONFIG, str(tmp_path))
    expected = models.load(str(tmp_path)).network.get_submodule("encoder.backbone")
    assert_only_the_backbone(network, before, expected.state_dict())


def test_an_image_encoder_of_the_same_kind_will_do(tmp_path: Path) -> None:
    fields = dict(CONFIG.backbone)
    encoder = Swinv2Model(AutoConfig.for_model(fields.pop("model_type"), **fields))
    encoder.save_pretrained(tmp_path)
    network, before = backbone_of(CONFIG, str(tmp_path))
    kept = network.encoder.backbone.state_dict()
    expected = {name: value for name, value in encoder.state_dict().items() if name in kept}
    assert len(expected) > 0.9 * len(kept)
    assert_only_the_backbone(network, before, {**kept, **expected})


@pytest.mark.parametrize("backbone_only", [False, True])
@pytest.mark.parametrize("init", ["zoedepth-tiny", "depth-anything", "other", "nowhere", "empty"])
def test_weights_that_do_not_fit_are_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, init: str, backbone_only: bool
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    if init == "depth-anything":
        init = str(build(init, tmp_path))
    if init == "empty":
        init = str(tmp_path)
    if init == "other":
        changed = {**small.CONFIG.backbone, "embed_dim": 16}
        small.network(backbone=changed).save_pretrained(tmp_path)
        init = str(tmp_path)
    with pytest.raises(ModelError):
        grin._start_from(Grin(CONFIG), init, backbone_only)


def test_shapes_have_about_as_many_pixels_as_the_networks_own() -> None:
    for name in sizes.CONFIGS:
        config = sizes.CONFIGS[name]
        for width, height in grin.shapes(config):
            assert width % config.multiple == height % config.multiple == 0
            assert 0.7 < width * height / (config.width * config.height) < 1.3
    assert len(set(grin.shapes(CONFIG))) == 2


def test_cameras_of_many_lenses_are_told_apart(tmp_path: Path) -> None:
    robot = grin.with_many_cameras(Robot(camera_height_m=(0.1, 0.2)))
    assert robot.camera_height_m == (0.1, 0.2)
    config = TrainConfig(batch=8, fresh=2)
    batch = frames.FramePool(0, robot, 64, 32, config.fresh, config.batch)
    batch.start(0)
    rays = batch.draw(0).rays
    assert len({round(float(each[0, 0, 0]), 3) for each in rays}) > 2


# --- the verb ---


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch, gain: float) -> list[str]:
    """What was scored; the verb's own sizes are small."""
    found: list[str] = []
    monkeypatch.setitem(sizes.CONFIGS, "grin-tiny", CONFIG)
    monkeypatch.setattr(
        "depth_ros.cli.evaluate.score_rendered", lambda model, *_: found.append(model)
    )
    return found


def verb(out: Path, *arguments: str) -> dict[str, Any]:
    """Run `depth_ros train` for two steps and return training.json."""
    fixed = ("train", "--model", "grin-tiny", "--out", str(out), "--device", "cpu")
    assert cli.main([*fixed, "--steps", "2", "--batch", "2", *arguments]) == 0
    said: dict[str, Any] = json.loads((out / TRAINING).read_text())
    return said


def test_the_verb_trains_on_rendered_frames(
    tmp_path: Path, scored: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = verb(tmp_path, "--labels", "0.5", "--no-rays", "--seed", "3", "--threads", "1")
    assert (said["model"], said["labels"], said["seed"], said["bf16"]) == (
        "grin-tiny",
        0.5,
        3,
        False,
    )
    assert said["robot"]["squeeze"] > 0
    assert scored == [str(tmp_path)]
    assert f"weights: {tmp_path}" in capsys.readouterr().out
    network = models.load(str(tmp_path)).network
    assert isinstance(network, Grin)
    assert not network.config.rays


@pytest.mark.usefixtures("scored")
@pytest.mark.parametrize("protocol", ["rgbd-folder", "bag"])
def test_the_verb_trains_on_recorded_frames(tmp_path: Path, protocol: str) -> None:
    data = tmp_path / "data"
    if protocol == "bag":
        write_bag(data)
    else:
        data.mkdir()
        write_folder(data)
    said = verb(tmp_path / "out", "--data", str(data), "--protocol", protocol, "--bf16")
    (source,) = said["sources"]
    assert (source["data"], source["protocol"], said["bf16"]) == ("data", protocol, True)
    assert "robot" not in said
    assert models.load(str(tmp_path / "out")).max_depth_m == CONFIG.d_max_m


@pytest.mark.usefixtures("scored")
def test_the_verb_starts_from_other_weights(tmp_path: Path) -> None:
    (tmp_path / "init").mkdir()
    Grin(CONFIG).save_pretrained(tmp_path / "init")
    said = verb(tmp_path / "out", "--init", str(tmp_path / "init"), "--backbone-only")
    assert said["start"] == {"init": str(tmp_path / "init"), "backbone_only": True}


@pytest.mark.usefixtures("scored")
def test_the_image_encoder_is_that_of_the_initial_weights(tmp_path: Path) -> None:
    verb(out := tmp_path / "out", "--init", "zoedepth-lite", "--backbone-only")
    trained = Grin.from_pretrained(out)
    assert isinstance(trained.encoder.backbone, EfficientNetLite0)
    assert models.load(str(out)).max_depth_m == CONFIG.d_max_m


def test_data_that_is_not_there_is_one_line(
    tmp_path: Path, scored: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "--model", "grin-tiny", "--out", str(tmp_path / "out")]
    assert cli.main([*arguments, "--data", str(tmp_path / "nowhere"), "--device", "cpu"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert scored == []


@pytest.mark.parametrize(
    ("model", "argument"),
    [
        ("zoedepth-tiny", "--data=somewhere"),
        ("zoedepth-tiny", "--no-rays"),
        ("zoedepth-tiny", "--labels=0.5"),
        ("grin-tiny", "--affine-weight=0.1"),
    ],
)
def test_options_that_the_model_does_not_use_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, argument: str
) -> None:
    arguments = ["train", "--model", model, "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert cli.main([*arguments, argument]) == 2
    refused = f"{argument.partition('=')[0]} cannot be used with model '{model}'"
    assert refused in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
