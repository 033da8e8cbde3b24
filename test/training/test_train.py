"""Training: it learns, repeats itself, and goes on after an interruption."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from depth_ros import models
from depth_ros.models.zoedepth import Preprocessing, save, tiny_network
from depth_ros.training import frames
from depth_ros.training import train as training
from depth_ros.training.frames import FramePool
from depth_ros.training.metric import MetricDepth
from depth_ros.training.scenes import Robot
from depth_ros.training.train import TrainConfig, Trainer, learning_rate

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 64, 32
TRAINING_F_PX = 50.0


@pytest.fixture(autouse=True)
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_POOL_FRAMES", 16)


def pool(seed: int = 0) -> FramePool:
    return FramePool(seed, Robot(), WIDTH, HEIGHT, fresh=2, batch=4)


def trainer(out: Path, steps: int, **changes: float) -> Trainer[nn.Module]:
    config = TrainConfig(steps=steps, batch=4, fresh=2, checkpoint_every=3, **changes)  # type: ignore[arg-type]
    torch.manual_seed(config.seed)
    network = tiny_network(WIDTH, HEIGHT, TRAINING_F_PX, 20.0)
    objective = MetricDepth(TRAINING_F_PX)
    return Trainer(network, objective, pool(config.seed), config, out, facts={"robot": "this one"})


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_a_few_steps_lower_the_loss(tmp_path: Path) -> None:
    run = trainer(tmp_path, 12)
    some = pool()
    some.start(0)
    batch = some.draw(0)
    first, *_, last = [run._advance(batch) for _ in range(12)]
    assert last < 0.7 * first


def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trainer(tmp_path / "whole", 6).run()
    broken = trainer(tmp_path / "broken", 6)
    advance = broken._advance

    def stop(*batch: Any) -> torch.Tensor:
        if broken.step == 4:  # after the checkpoint of step 3
            raise KeyboardInterrupt
        return advance(*batch)

    monkeypatch.setattr(broken, "_advance", stop)
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    assert same(trainer(tmp_path / "broken", 6).run(), whole)


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    a = trainer(tmp_path / "a", 2, seed=1).run()
    b = trainer(tmp_path / "b", 2, seed=2).run()
    assert not same(a, b)


def test_the_configuration_is_saved_beside_the_weights(tmp_path: Path) -> None:
    trainer(tmp_path, 1, learning_rate=0.5).run()
    saved = json.loads((tmp_path / training.TRAINING).read_text())
    assert saved["learning_rate"] == 0.5
    assert saved["steps"] == 1
    assert saved["robot"] == "this one"


def test_one_batch_without_finite_gradients_changes_nothing(tmp_path: Path) -> None:
    run = trainer(tmp_path, 2)
    some = pool()
    some.start(0)
    batch, objective = some.draw(0), run._objective
    run._objective = lambda *arguments: torch.nan * objective(*arguments)
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    run._advance(batch)
    after = run.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth() -> None:
    config = TrainConfig(steps=1000, learning_rate=2.0, warmup=0.1)
    rates = [learning_rate(config, step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == pytest.approx(2.0)
    assert rates.index(max(rates)) in (99, 100)
    assert rates[-1] == pytest.approx(0.02, rel=0.01)


def test_saved_weights_load_through_the_registry_with_their_focal_length(tmp_path: Path) -> None:
    network = tiny_network(WIDTH, HEIGHT, 50.0, 20.0)
    save(network, tmp_path, Preprocessing(height=HEIGHT, width=WIDTH, pad=False))
    model = models.load(str(tmp_path))
    assert model.training_f_px == 50.0
    assert model.entry.max_depth_m == 20.0
    weights = load_file(tmp_path / "model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float16}
