"""Small checkpoints of MoGe-2: upstream's one file, and config.json with safetensors."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from test.models.moge import upstream

WIDTH, DEPTH, SIDE = 64, 2, 5
CONFIG = upstream.config(WIDTH, (16, 16, 16, 8, 8), layers=(0, 1), tokens=(12, 25))


def pickled(folder: Path) -> Path:
    """Write upstream's file, and return the folder."""
    weights = upstream.weights(CONFIG, WIDTH, DEPTH, SIDE)
    folder.mkdir(exist_ok=True)
    torch.save({"model_config": CONFIG, "model": weights}, folder / "model.pt")
    return folder


def safe(folder: Path) -> Path:
    """Write what is made of upstream's file, in half precision, and return the folder."""
    weights = upstream.weights(CONFIG, WIDTH, DEPTH, SIDE)
    halves = {name: each.half().contiguous() for name, each in weights.items()}
    save_file(halves, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps({"model_type": "moge", **CONFIG}))
    return folder
