"""A small GRIN with varying output: an untrained one has the same output for every input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from depth_ros.models.base import ModelEntry, Output
from depth_ros.models.grin.config import GrinConfig
from depth_ros.models.grin.model import GrinModel
from depth_ros.models.grin.network import Grin

CONFIG = GrinConfig(
    backbone={
        "model_type": "swinv2",
        "out_features": ["stage1", "stage2", "stage3", "stage4"],
        "drop_path_rate": 0.0,
        "image_size": [32, 64],
        "embed_dim": 8,
        "depths": [1, 1, 1, 1],
        "num_heads": [1, 1, 2, 2],
        "window_size": 4,
    },
    height=32,
    width=64,
    blocks=2,
    layers=1,
    latents=8,
    latent_dim=32,
    token_dim=24,
    steps=4,
)
"""Of images of about 64x32."""

ENTRY = ModelEntry("small", "grin", "", Output.METRIC_DEPTH, "Apache-2.0", True)


def network(seed: int = 0, **changes: Any) -> Grin:
    """Return a network with random weights, so that every input has an influence."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = Grin(replace(CONFIG, **changes))
        for part in (drawn.encoder.local, drawn.encoder.scene):
            nn.init.normal_(part.features.weight, std=0.3)
            nn.init.normal_(part.rays.weight, std=0.5)
        nn.init.normal_(drawn.denoiser.before_norm.weight, std=0.5)
        nn.init.normal_(drawn.denoiser.head.weight, std=0.3)
    return drawn.eval().requires_grad_(False)


def model(seed: int = 0, **changes: Any) -> GrinModel:
    """Return a model of such a network."""
    return GrinModel(ENTRY, network(seed, **changes))
