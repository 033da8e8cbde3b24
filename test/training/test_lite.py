"""The recipe of zoedepth-lite: from what it starts, what it keeps, and its verb."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from depth_ros import cli, models
from depth_ros.errors import ModelError
from depth_ros.evaluation import rendered
from depth_ros.models.lite.config import LiteConfig
from depth_ros.models.lite.network import ZoeDepthLite
from depth_ros.models.own_checkpoint import WEIGHTS
from depth_ros.training import lite
from depth_ros.training.mixture import Source
from depth_ros.training.store import stores_of
from depth_ros.training.train import TRAINING, TrainConfig, Trainer
from depth_ros.training.validation import ValidationScores
from test.evaluation.datasets.test_datasets import write_bag, write_folder
from test.training.planes import PINHOLE, plane

pytestmark = pytest.mark.slow

SIZES = LiteConfig(height=64, width=64, channels=8)


def network(seed: int = 0) -> ZoeDepthLite:
    torch.manual_seed(seed)
    return ZoeDepthLite(SIZES)


def train(out: Path, steps: int = 2, held_out: int = 1, **changes: Any) -> dict[str, Tensor]:
    (store,) = stores_of([plane(PINHOLE, seed) for seed in range(4)], SIZES.width)
    kept, validation = store.split(held_out) if held_out else (store, None)
    keep = changes.pop("keep", 0.0)
    start = changes.pop("start", None) or network()
    config = TrainConfig(steps=steps, batch=2, checkpoint_every=1, validate_every=1, **changes)
    sources, batches = [Source([kept])], [validation] if validation else []
    lite.train(out, "cpu", start, config, sources, batches, {"about": "planes"}, keep)
    return load_file(out / WEIGHTS)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_repeats_itself_and_another_seed_does_not(tmp_path: Path) -> None:
    one = train(tmp_path / "one")
    assert same(one, train(tmp_path / "two"))
    assert not same(one, train(tmp_path / "three", seed=1))


def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tmp_path / "whole", steps=3)
    advance = Trainer._advance

    def stop(trainer: Trainer[Any], *batch: Any) -> torch.Tensor:
        if trainer.step == 2:
            raise KeyboardInterrupt
        return advance(trainer, *batch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_advance", stop)
        train(tmp_path / "broken", steps=3)
    assert same(train(tmp_path / "broken", steps=3), whole)


def test_the_weights_of_the_best_validation_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = iter([0.3, 0.1, 0.2])
    seen: list[dict[str, Tensor]] = []

    def judge(network: nn.Module, *_: Any) -> ValidationScores:
        seen.append({n: value.clone() for n, value in network.state_dict().items()})
        return ValidationScores(next(errors), 1.0, 0.0)

    monkeypatch.setattr(lite, "validate", judge)
    weights = train(tmp_path, steps=3)
    best = {n: v.half() if v.is_floating_point() else v for n, v in seen[1].items()}
    assert same(weights, best)


def test_a_share_of_the_start_weights_is_kept(tmp_path: Path) -> None:
    start = network().state_dict()
    changed = train(tmp_path / "changed", held_out=0)
    half = train(tmp_path / "half", held_out=0, keep=0.5)
    for name, value in half.items():
        if value.is_floating_point():
            middle = (start[name] + changed[name].float()) / 2
            torch.testing.assert_close(value.float(), middle, atol=2e-3, rtol=2e-3)


def test_frozen_norms_keep_their_statistics(tmp_path: Path) -> None:
    frozen = network()
    frozen.freeze_norms = True
    before = {n: v.clone() for n, v in frozen.state_dict().items() if "running" in n}
    after = train(tmp_path / "frozen", start=frozen)
    assert all(torch.equal(after[name], value.half()) for name, value in before.items())
    free = train(tmp_path / "free")
    assert not all(torch.equal(free[name], value.half()) for name, value in before.items())


def test_the_encoder_learns_more_slowly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: dict[str, float] = {}
    monkeypatch.setattr(Trainer, "run", lambda trainer: rates.update(_rates(trainer)) or network())
    train(tmp_path)
    assert rates
    for name, rate in rates.items():
        assert rate == (lite.RATES["encoder."] if name.startswith("encoder.") else 1.0)


def _rates(trainer: Trainer[Any]) -> dict[str, float]:
    groups = trainer.optimizer.param_groups
    known = {id(each): group["rate"] for group in groups for each in group["params"]}
    return {name: known[id(each)] for name, each in trainer.network.named_parameters()}


def test_another_head_takes_encoder_and_decoder(tmp_path: Path) -> None:
    network(seed=3).save_pretrained(tmp_path)
    bins = lite.start(str(tmp_path), seed=0, head="bins")
    assert bins.config.head == "bins"
    stored = load_file(tmp_path / WEIGHTS)
    for name, value in bins.state_dict().items():
        if not name.startswith("head."):
            assert torch.equal(value, stored[name].to(value.dtype))


def test_another_size_scales_the_focal_length_with_the_width(tmp_path: Path) -> None:
    network().save_pretrained(tmp_path)
    wider = lite.start(str(tmp_path), seed=0, size=(128, 96)).config
    assert (wider.width, wider.height, wider.channels) == (128, 96, 8)
    assert wider.training_f_px == 2 * SIZES.training_f_px


def test_it_does_not_start_from_another_network() -> None:
    with pytest.raises(ModelError, match="is not a zoedepth-lite"):
        lite.start("zoedepth-tiny", seed=0)


def test_the_verb_mixes_data_and_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendered, "FRAMES_PER_DRIVE", 1)  # for the score at the end
    network().save_pretrained(tmp_path / "start")
    write_folder(tmp_path / "folder")
    write_bag(tmp_path / "bag")
    arguments = ["--init", str(tmp_path / "start"), "--size", "64x64", "--steps", "1"]
    arguments += ["--batch", "2", "--device", "cpu", "--validate", "0"]
    arguments += ["--data", f"{tmp_path / 'folder'}=2", "--data", str(tmp_path / "bag")]
    arguments += ["--protocol", "rgbd-folder", "--protocol", "bag"]
    arguments += ["--rendered", "0.5", "--rendered-frames", "8"]
    out = tmp_path / "out"
    assert cli.main(["train", "--out", str(out), *arguments]) == 0
    said = json.loads((out / TRAINING).read_text())
    weights = [(source["data"], source["weight"]) for source in said["sources"]]
    assert weights == [("folder", 2.0), ("bag", 1.0), ("rendered", 0.5)]
    assert models.load(str(out)).entry.family == "zoedepth_lite"
    assert (out / "preview.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "zoedepth-tiny", "--data", "x"], "--data cannot be used with model"),
        (["--affine-weight", "1"], "--affine-weight cannot be used with model 'zoedepth-lite'"),
        (["--model", "grin-tiny", "--head", "log"], "--head cannot be used with model 'grin-tiny'"),
        (["--data", "x", "--data", "y", "--protocol", "bag", "--protocol", "nyu",
          "--protocol", "bag", "--init", "zoedepth-lite"], "3 times --protocol for 2 times --data"),
        (["--camera-height-m", "1", "2"], "--camera-height-m cannot be used with model"),
        (["--rendered", "0", "--init", "zoedepth-lite"], "expected frames to learn from"),
        (["--data", "x=much", "--init", "zoedepth-lite"], "expected FOLDER or FOLDER=WEIGHT"),
    ],
)  # fmt: skip
def test_options_that_the_model_does_not_use_are_refused(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", "--out", str(tmp_path / "out"), *arguments]) != 0
    assert message in capsys.readouterr().err


def test_a_folder_of_something_else_is_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "holiday.jpg").write_text("a picture")
    assert cli.main(["train", "--out", str(tmp_path), "--steps", "1"]) != 0
    assert "was not made by depth_ros train" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]
