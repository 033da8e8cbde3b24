"""MoGe's checkpoints: upstream's single file, or config.json and safetensors made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from depth_ros.errors import ModelError
from depth_ros.models import hub, json_file, pickles
from depth_ros.models.own_checkpoint import CONFIG, WEIGHTS

MODEL_TYPE = "moge"
PICKLE = "model.pt"


def read(source: str, revision: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the configuration and the weights of a checkpoint: safetensors, or upstream's file.

    Raises:
        ModelError: it is damaged, or not a checkpoint of MoGe-2.
        OSError: it does not exist.
    """
    weights = hub.file(source, WEIGHTS, revision)
    if weights is not None:
        return config(source, revision), load_file(weights)
    path = hub.file(source, PICKLE, revision)
    if path is None:
        raise ModelError(f"it has neither {WEIGHTS} nor {PICKLE}")
    return unpickled(path)


def config(source: str, revision: str) -> dict[str, Any]:
    """Return the contents of config.json.

    Raises:
        ModelError: it is missing, or belongs to another model.
    """
    path = hub.required(source, CONFIG, revision)
    said = json_file.read(path)
    json_file.check_sizes(said, path)
    if said.get("model_type") != MODEL_TYPE:
        raise ModelError(f"{path} is of type '{said.get('model_type')}', expected '{MODEL_TYPE}'")
    return said


def unpickled(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the configuration and the weights in upstream's file, without running any code.

    Raises:
        ModelError: it is damaged, or not a checkpoint of MoGe-2.
    """
    held = pickles.opened(path)
    if not isinstance(held, dict) or not isinstance(held.get("model_config"), dict):
        raise ModelError(f"{path.name} has no model_config, expected a checkpoint of MoGe-2")
    said = held["model_config"]
    json_file.check_sizes(said, path.name)
    return {"model_type": MODEL_TYPE, **said}, pickles.tensors(held.get("model"), path)
