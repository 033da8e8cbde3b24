"""The recipe of zoedepth-tiny, the weights that live in this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from depth_ros import models
from depth_ros.models.zoedepth import DepthOnly, Preprocessing, save, tiny_network
from depth_ros.training.scenes import Robot
from depth_ros.training.train import TrainConfig, Trainer

WIDTH, HEIGHT = 128, 96
TRAINING_F_PX = 105.0
"""That of a common RGB-D camera (525 px at 640 px of width), at the network's width."""
MAX_DEPTH_M = 20.0


def train(
    out: Path, device: str, init: str | None, robot: Robot, backbone_only: bool, **changes: Any
) -> None:
    """Train zoedepth-tiny and save it in out, or go on where an interrupted run stopped.

    Args:
        out: folder of the weights, the training's configuration and its checkpoints.
        device: where to train.
        init: a zoedepth-tiny, by name or folder, to start from; None starts from nothing.
        robot: what carries the cameras.
        backbone_only: of init, take the backbone and train neck and head from nothing.
        changes: fields of TrainConfig that differ from their defaults.

    Raises:
        ModelError: init cannot be loaded.
    """
    config = TrainConfig(**changes)
    torch.manual_seed(config.seed)
    network = tiny_network(WIDTH, HEIGHT, TRAINING_F_PX, MAX_DEPTH_M)
    if init is not None:
        weights = _network(init).state_dict()
        if backbone_only:
            weights = {n: value for n, value in weights.items() if n.startswith("backbone.")}
        network.load_state_dict(weights, strict=not backbone_only)
    trainer = Trainer(network, config, WIDTH, HEIGHT, TRAINING_F_PX, out, device, robot)
    save(trainer.run(), out, Preprocessing(height=HEIGHT, width=WIDTH, pad=False))


def _network(name: str) -> nn.Module:
    loaded = models.load(name).network
    assert isinstance(loaded, DepthOnly)
    return loaded.network
