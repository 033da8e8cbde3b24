"""Training of zoedepth-tiny, whose weights are part of this package."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from depth_ros import models
from depth_ros.models.zoedepth import DepthOnly, Preprocessing, save, tiny_network
from depth_ros.training.frames import FramePool
from depth_ros.training.metric import MetricDepth
from depth_ros.training.scenes import Robot
from depth_ros.training.train import TrainConfig, Trainer

WIDTH, HEIGHT = 128, 96
TRAINING_F_PX = 105.0
"""Focal length of a common RGB-D camera (525 px at 640 px width), at the network's width."""
MAX_DEPTH_M = 20.0


def train(
    out: Path,
    device: str,
    init: str | None,
    robot: Robot,
    backbone_only: bool,
    config: TrainConfig,
    affine_weight: float = 0.0,
) -> None:
    """Train zoedepth-tiny and save it in out, or continue an interrupted run.

    Args:
        out: folder of the weights, the training's configuration and its checkpoints.
        device: where to train.
        init: initial weights: a zoedepth-tiny by name or folder; None: random.
        robot: ranges of the cameras' poses and lenses.
        backbone_only: use only the backbone of init; neck and head start random.
        config: of the run.
        affine_weight: of the affine-invariant loss.

    Raises:
        ModelError: init cannot be loaded.
    """
    torch.manual_seed(config.seed)
    network = tiny_network(WIDTH, HEIGHT, TRAINING_F_PX, MAX_DEPTH_M)
    if init is not None:
        weights = _network(init).state_dict()
        if backbone_only:
            weights = {n: value for n, value in weights.items() if n.startswith("backbone.")}
        network.load_state_dict(weights, strict=not backbone_only)
    objective = MetricDepth(TRAINING_F_PX, affine_weight=affine_weight)
    pool = FramePool(config.seed, robot, WIDTH, HEIGHT, config.fresh, config.batch)
    facts = {"robot": asdict(robot), "objective": asdict(objective)}
    trainer = Trainer(network, objective, pool, config, out, device, facts)
    save(trainer.run(), out, Preprocessing(height=HEIGHT, width=WIDTH, pad=False))


def _network(name: str) -> nn.Module:
    loaded = models.load(name).network
    assert isinstance(loaded, DepthOnly)
    return loaded.network
