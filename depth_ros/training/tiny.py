"""The recipe of zoedepth-tiny, the weights that live in this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from depth_ros.models.zoedepth import Preprocessing, save, tiny_network
from depth_ros.training.train import TrainConfig, Trainer

WIDTH, HEIGHT = 128, 96
TRAINING_F_PX = 105.0
"""That of a common RGB-D camera (525 px at 640 px of width), at the network's width."""
MAX_DEPTH_M = 20.0


def train(out: Path, device: str, **changes: Any) -> None:
    """Train zoedepth-tiny and save it in out, or go on where an interrupted run stopped.

    Args:
        out: folder of the weights, the training's configuration and its checkpoints.
        device: where to train.
        changes: fields of TrainConfig that differ from their defaults.
    """
    config = TrainConfig(**changes)
    torch.manual_seed(config.seed)
    network = tiny_network(WIDTH, HEIGHT, TRAINING_F_PX, MAX_DEPTH_M)
    trainer = Trainer(network, config, WIDTH, HEIGHT, TRAINING_F_PX, out, device)
    save(trainer.run(), out, Preprocessing(height=HEIGHT, width=WIDTH, pad=False))
